"""What is read from the tokens of a latent: logits of the actions and a value, of all tokens, of cells, of an agent."""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn

from trm_agents.recursion.heads import ActionHead, ValueHead, mlp, norms


def pooled(h: Tensor) -> Tensor:
    """The mean over the tokens and their maximum, (B, T, d) -> (B, 2 d); one token is itself, (B, 1, d) -> (B, d)."""
    return h[:, 0] if h.shape[1] == 1 else torch.cat([h.mean(1), h.amax(1)], dim=1)


def pooled_width(n_tokens: int, width: int) -> int:
    """Channels of `pooled`."""
    return width if n_tokens == 1 else 2 * width


class PooledActions(ActionHead):
    """A hidden layer on `pooled` tokens."""

    def __init__(self, n_tokens: int, width: int, outputs: int) -> None:
        super().__init__()
        self.read = mlp(pooled_width(n_tokens, width), width, outputs)

    def forward(self, h: Tensor) -> Tensor:
        """(B, T, d) -> (B, outputs)."""
        out: Tensor = self.read(pooled(h))
        return out


class PooledValue(ValueHead):
    """A hidden layer on `pooled` tokens."""

    def __init__(self, n_tokens: int, width: int) -> None:
        super().__init__()
        self.n_tokens = n_tokens
        self.read = mlp(pooled_width(n_tokens, width), width, 1)

    def forward(self, h: Tensor) -> Tensor:
        """(B, T, d) -> (B,)."""
        out: Tensor = self.read(pooled(h)).squeeze(1)
        return out

    def lipschitz_bound(self) -> float:
        """See `ValueHead`: a mean over T tokens is 1 / sqrt(T)-Lipschitz, their maximum 1-Lipschitz."""
        return norms(self) * (1.0 if self.n_tokens == 1 else sqrt(1.0 + 1.0 / self.n_tokens))


class CellActions(ActionHead):
    """Edits and erasing are read from their own cell beside the mean of all, stopping from the mean alone.

    Args:
        n_cells: tokens.
        width: d.
        n_symbols: edits of a cell; actions number cell by cell, symbol by symbol.
        n_actions: n_cells * n_symbols, n_cells more if cells can be erased, and one more if an action stops.
        each: numbers that are read for each action, outermost in the order of the outputs.

    Raises:
        ValueError: the number of actions is none of these.
    """

    def __init__(self, n_cells: int, width: int, n_symbols: int, n_actions: int, each: int = 1) -> None:
        super().__init__()
        erases, stops = divmod(n_actions - n_cells * n_symbols, n_cells)
        if erases not in (0, 1) or stops not in (0, 1):
            raise ValueError(
                f"readout='cells' reads edits, erasing and stopping of {n_cells} cells with {n_symbols} symbols, not "
                f"{n_actions} actions: use readout='pool'"
            )
        self.each = each
        self.edit = mlp(2 * width, width, n_symbols * each)
        self.erase = mlp(2 * width, width, each) if erases else None
        self.stop = mlp(width, width, each) if stops else None

    def forward(self, h: Tensor) -> Tensor:
        """(B, n_cells, d) -> (B, each * n_actions)."""
        mean = h.mean(1)
        beside = torch.cat([h, mean[:, None].expand_as(h)], dim=2)
        blocks = [self._cell_by_cell(layers(beside)) for layers in (self.edit, self.erase) if layers is not None]
        if self.stop is not None:
            blocks.append(self.stop(mean)[:, :, None])
        return torch.cat(blocks, dim=2).flatten(1)

    def _cell_by_cell(self, read: Tensor) -> Tensor:
        """(B, n_cells, each * m) -> (B, each, n_cells * m)."""
        return read.reshape(*read.shape[:2], self.each, -1).transpose(1, 2).flatten(2)


class MoveActions(ActionHead):
    """A move is read from the agent's cell and the cell that it leads to, by the same layers for all four moves."""

    def __init__(self, width: int, each: int = 1) -> None:
        super().__init__()
        self.read = mlp(2 * width, width, each)

    def forward(self, h: Tensor) -> Tensor:
        """Tokens of `AgentView`, (B, 5, d) -> (B, each * 4)."""
        here = h[:, :1].expand(-1, 4, -1)
        out: Tensor = self.read(torch.cat([here, h[:, 1:]], dim=2)).transpose(1, 2)
        return out.flatten(1)


class AgentValue(ValueHead):
    """A hidden layer on the agent's cell."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.read = mlp(width, width, 1)

    def forward(self, h: Tensor) -> Tensor:
        """Tokens of `AgentView`, (B, 5, d) -> (B,)."""
        out: Tensor = self.read(h[:, 0]).squeeze(1)
        return out

    def lipschitz_bound(self) -> float:
        """See `ValueHead`."""
        return norms(self)


class AgentView(nn.Module):
    """The tokens where the agent stands and above, below, left and right of it, and what else changes by move.

    Beyond the edge of the grid are zeros.

    Args:
        shape: rows and columns.
        width: d.
        max_edits: unit of the moves that are left.
        previous: the embedding of the previous action, or None.
    """

    around: Tensor

    def __init__(self, shape: tuple[int, int], width: int, max_edits: int, previous: nn.Module | None) -> None:
        super().__init__()
        self.register_buffer("around", _around(shape), persistent=False)
        self.max_edits = max_edits
        self.clock = nn.Linear(1, width, bias=False)
        self.previous = previous

    def forward(self, h: Tensor, observation: dict[str, Tensor]) -> Tensor:
        """(B, T, d) or (B, T, 1, d), and plan-edit observations with a 1 where the agent stands -> (B, 5, d)."""
        h = h.flatten(1, -2)
        cells = self.around[observation["plan"].argmax(1)]
        padded = torch.cat([h, h.new_zeros(len(h), 1, h.shape[2])], dim=1)
        seen = padded.gather(1, cells[:, :, None].expand(-1, -1, h.shape[2]))
        moving = self.clock(observation["remaining_edits"].to(h.dtype) / self.max_edits)
        if self.previous is not None:
            moving = moving + self.previous(observation)
        out: Tensor = seen + moving[:, None]
        return out


def _around(shape: tuple[int, int]) -> Tensor:
    """Each cell and those above, below, left and right of it; T stands for beyond the edge; (T, 5), int64."""
    rows, columns = shape
    padded = nn.functional.pad(torch.arange(rows * columns).view(shape), (1, 1, 1, 1), value=rows * columns)
    offsets = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))
    shifted = [padded[1 + down : 1 + down + rows, 1 + right : 1 + right + columns] for down, right in offsets]
    return torch.stack([each.flatten() for each in shifted], dim=1)
