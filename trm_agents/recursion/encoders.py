"""From observations to what is injected at every inner step."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.task import PlanTask


def token_table(task: PlanTask) -> Tensor:
    """Token category by (instance value, plan value, symbol), int64, read off `PlanTask.token_types`."""
    x, y = np.indices((task.instance_high + 1, task.plan_high + 1)).reshape(2, -1).astype(np.int8)
    grids = (np.repeat(values[:, None], task.n_cells, axis=1) for values in (x, y))
    types = task.token_types(*grids)[:, 0]
    return torch.from_numpy(types.reshape(task.instance_high + 1, task.plan_high + 1, task.n_symbols).astype(np.int64))


class TokenEncoder(nn.Module):
    """Plan-edit observations -> injections of shape (B, n_cells, n_symbols, 2 d).

    A token is a (cell, symbol) pair; it carries its category and the share of the edit budget that is left.
    """

    table: Tensor

    def __init__(self, mdp: PlanEditMDP, width: int) -> None:
        super().__init__()
        self.max_edits = mdp.max_edits
        self.register_buffer("table", token_table(mdp.task), persistent=False)
        self.category = nn.Embedding(mdp.task.n_token_types, width)
        self.remaining = nn.Linear(1, width)
        self.project = nn.Linear(width, 2 * width)

    def forward(self, observation: dict[str, Tensor]) -> Tensor:
        """`instance` and `plan` of shape (B, n_cells), `remaining_edits` of shape (B, 1)."""
        tokens = self.table[observation["instance"].long(), observation["plan"].long()]
        clock = self.remaining(observation["remaining_edits"].to(self.remaining.weight.dtype) / self.max_edits)
        out: Tensor = self.project(torch.relu(self.category(tokens) + clock[:, None, None, :]))
        return out


class VectorEncoder(nn.Module):
    """Feature vectors of shape (B, features) -> injections of shape (B, 2 d)."""

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Linear(features, width)
        self.project = nn.Linear(width, 2 * width)

    def forward(self, features: Tensor) -> Tensor:
        """(B, features) -> (B, 2 d)."""
        out: Tensor = self.project(torch.tanh(self.embed(features)))
        return out
