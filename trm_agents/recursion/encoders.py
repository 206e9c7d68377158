"""From observations to what is injected at every inner step."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from trm_agents.recursion.cores.tokens import TokenInjection
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.task import PlanTask


def token_table(task: PlanTask) -> Tensor:
    """Token category by (instance value, plan value, symbol), int64, read off `PlanTask.token_types`."""
    x, y = np.indices(_values(task)).reshape(2, -1).astype(np.int8)
    widths = (task.n_instance_cells, task.n_cells)
    grids = (np.repeat(values[:, None], width, axis=1) for values, width in zip((x, y), widths, strict=True))
    types = task.token_types(*grids)[:, 0]
    return torch.from_numpy(types.reshape(*_values(task), task.n_symbols).astype(np.int64))


def _values(task: PlanTask) -> tuple[int, int]:
    """How many values of an instance and of a plan a cell's category depends on; one where instances have no cells."""
    return task.instance_high + 1 if _on_cells(task) else 1, task.plan_high + 1


def _on_cells(task: PlanTask) -> bool:
    """Whether each cell of the plan has an instance value of its own."""
    return task.instance_shape == task.shape


def check_reads_cells(task: PlanTask) -> None:
    """Raise ValueError where an edit cannot be read from the cell that it writes, since it writes more than one."""
    if not task.edits_cells:
        raise ValueError(
            f"this network reads an edit from the cell that it writes, and edits of {type(task).__name__} are none of "
            "cells: use 'MlpPolicy' on the environment in `trm_envs.wrappers.OneHotObservation`"
        )


def cell_table(task: PlanTask) -> Tensor:
    """Token category by (instance value, plan value), one for each pair of values, shape (.., .., 1), int64."""
    shape = _values(task)
    return torch.arange(shape[0] * shape[1]).view(*shape, 1)


class CategoryEncoder(nn.Module):
    """Plan-edit observations -> `TokenInjection`: an embedding a category, shifted by the edits that are left.

    Args:
        mdp: the task and its edit budget.
        width: latent channels d.
        hidden: hidden channels H.
        shifts: whether categories inject into the latent as well.
        alike: a token is a (cell, symbol) pair, all symbols alike; otherwise a cell, whose channels tell them apart.
    """

    table: Tensor

    def __init__(self, mdp: PlanEditMDP, width: int, hidden: int, shifts: bool, alike: bool) -> None:
        super().__init__()
        self.max_edits, self.width = mdp.max_edits, width
        self._graphs = mdp.task.neighbours if mdp.task.has_graphs else None
        self._on_cells = _on_cells(mdp.task)
        table = token_table(mdp.task) if alike else cell_table(mdp.task)
        n_types = mdp.task.n_token_types if alike else table.numel()
        self.register_buffer("table", table.to(torch.int16), persistent=False)
        self.category = nn.Parameter(torch.randn(n_types, hidden) / 2)
        self.remaining = nn.Parameter(torch.zeros(hidden))
        self.shift = nn.Parameter(torch.randn(n_types, width) * 0.3) if shifts else None

    def forward(self, observation: dict[str, Tensor]) -> TokenInjection:
        """`instance` (B, n_instance_cells), `plan` (B, n_cells), `remaining_edits` (B, 1)."""
        instances, plans, neighbours = observation["instance"], observation["plan"].long(), None
        types = self.table[instances.long() if self._on_cells else 0, plans].flatten(1)
        if self._graphs is not None:
            found = self._graphs(instances.cpu().numpy().astype(np.int8))
            neighbours = torch.from_numpy(found).to(plans.device)
        clock = observation["remaining_edits"].to(self.category.dtype) / self.max_edits
        shift = self.category.new_zeros(len(self.category), self.width) if self.shift is None else self.shift
        table = self.category + (clock * self.remaining)[:, None, :]
        return TokenInjection(types, table, shift.expand(len(types), -1, -1), neighbours)


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
