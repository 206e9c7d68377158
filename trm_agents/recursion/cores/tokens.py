"""What cores over the tokens of a plan-edit task have in common, and how one of them is chosen."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trm_agents.recursion.cores.base import Core
from trm_envs.plan_edit.task import PlanTask

Groups = Mapping[str, NDArray[np.int64]]
"""Cells of each group by kind, as `PlanTask.groups`."""


class TokenInjection(NamedTuple):
    """What the tokens of a batch are: a category each, and what every category injects."""

    types: Tensor
    """Category of each token, (B, T), int16."""
    table: Tensor
    """Hidden channels that each category injects (I), (B, n_types, H)."""
    shift: Tensor
    """Latent channels that each category injects (J), (B, n_types, d)."""
    neighbours: Tensor | None = None
    """Where each state has a graph of its own: `PlanTask.neighbours`, (B, n_cells, most), int64."""


def of_types(table: Tensor, types: Tensor) -> Tensor:
    """What each token's category holds: table (B, n_types, K), types (B, T) -> (B, T, K)."""
    index = types.long()[:, :, None].expand(-1, -1, table.shape[2])
    return table.gather(1, index)


class PlanCore(Core):
    """A core whose latents have shape (B, T, d), with token t = cell * n_symbols + symbol.

    Args:
        n_cells: cells of the task.
        n_symbols: symbols of the task, or 1 for one token a cell.
    """

    def __init__(self, n_cells: int, n_symbols: int) -> None:
        super().__init__()
        self.n_cells, self.n_symbols = n_cells, n_symbols
        self.queries = 0
        """Plans that the checker was asked about to build it."""

    @property
    @abstractmethod
    def width(self) -> int:
        """d, latent channels of a token."""

    @property
    @abstractmethod
    def hidden(self) -> int:
        """H, channels that a category injects."""

    @property
    def size(self) -> int:
        """Entries of a latent."""
        return self.width * self.n_cells * self.n_symbols

    def take(self, injection: TokenInjection, rows: Tensor) -> TokenInjection:
        """The injections of some states of a batch."""
        types, table, shift, edges = injection
        return TokenInjection(types[rows], table[rows], shift[rows], None if edges is None else edges[rows])

    def tokens(self, latent: Tensor) -> Tensor:
        """Latents token by token: (B, T, d) -> (B, n_cells, n_symbols, d)."""
        return latent.reshape(-1, self.n_cells, self.n_symbols, latent.shape[2])


class TokenCore(Protocol):
    """A choice of core for the tokens of a plan-edit task, as `policy_kwargs={"core": ...}`: what the network knows."""

    @property
    def alike(self) -> bool:
        """Whether all symbols are alike: a token for each (cell, symbol). Otherwise a token is a cell."""
        ...

    @property
    def symmetries(self) -> bool:
        """Whether HindsightTRM turns states of a batch by the symmetries that the task declares; UPITRM turns none."""
        ...

    def build(self, width: int, task: PlanTask) -> PlanCore:
        """A new core of d = `width` latent channels for the cells of a task."""
        ...


def initial(*shape: int, scale: float) -> torch.nn.Parameter:
    """Normal weights of this deviation."""
    return torch.nn.Parameter(torch.randn(*shape) * scale)
