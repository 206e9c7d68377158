"""How the cells of a task are grouped, as arrays that the kernels read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


class Layout(NamedTuple):
    """How cells are grouped; the same for every state."""

    members: Indices
    """Cells that each sum adds up, kind after kind, padded with -1, shape (G, largest sum)."""
    groups_of: Indices
    """Sums that each cell hears, padded with -1, shape (n_cells, most sums of a cell)."""
    ends: Indices
    """Where each kind's sums (one a group and symbol) end, and last, with several symbols, the cell sums."""
    hearers: Indices
    """Cells that hear each sum, padded with -1; with groups of three or more these are its members."""
    parts_of: Indices
    """Sums that each cell is a part of, padded with -1; with groups of three or more these are those it hears."""


def layout(groups: Mapping[str, Indices], n_cells: int, n_symbols: int) -> Layout:
    """The layout of `PlanTask.groups`."""
    summed, heard = zip(*(sums_of(kind, n_cells) for kind in groups.values()), strict=True)
    members, hearers = _padded(row for kind in summed for row in kind), _padded(row for kind in heard for row in kind)
    counts = [len(kind) * n_symbols for kind in summed]
    ends = np.cumsum([*counts, n_cells] if n_symbols > 1 else counts)
    return Layout(members, _holding(hearers, n_cells), ends, hearers, _holding(members, n_cells))


def sums_of(kind: Indices, n_cells: int) -> tuple[Indices, Indices]:
    """Which cells each sum of a kind of groups adds up, and which cells hear it, a row a sum, -1 pads.

    A cell hears the sums over its groups, itself included, which its own map can take back as long as all cells are in
    equally many. Pairs are a graph, where they need not be: there a cell hears the sum over its neighbours.
    """
    if kind.shape[1] != 2:
        return kind, kind
    pairs = np.concatenate([kind, kind[:, ::-1]])
    return _padded(pairs[pairs[:, 0] == cell, 1] for cell in range(n_cells)), np.arange(n_cells)[:, None]


def _padded(rows: Iterable[Indices]) -> Indices:
    listed = list(rows)
    out = np.full((len(listed), max(1, *map(len, listed))), -1, np.int64)
    for row, values in zip(out, listed, strict=True):
        row[: len(values)] = values
    return out


def _holding(members: Indices, n_cells: int) -> Indices:
    """Rows that hold each cell."""
    return _padded(np.flatnonzero((members == cell).any(1)) for cell in range(n_cells))
