"""Helpers for the two things that a problem must say, `groups` and `check`.

Groups are int64 arrays of shape (n_groups, cells), the cells of each group counted row by row from 0; -1 pads shorter
groups. Arrays of equal width are joined by `numpy.concatenate`, others by `pad_groups`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from trm_envs.jit import kernel
from trm_envs.plan_edit.task import Checks, Grids

Groups = NDArray[np.int64]
"""Cells of each group, shape (n_groups, cells); -1 pads."""

MOST_SYMBOLS = 62
"""`count_repeats` keeps the symbols of a group as bits of one integer."""


def pad_groups(groups: Iterable[Sequence[int] | NDArray[np.int64]]) -> Groups:
    """Groups of any lengths as one array, shape (n_groups, length of the longest); -1 pads.

    Raises:
        ValueError: there is no group.
    """
    lists = [list(map(int, group)) for group in groups]
    if not lists:
        raise ValueError("there must be at least one group, got none")
    width = max(map(len, lists))
    return np.array([cells + [-1] * (width - len(cells)) for cells in lists], np.int64)


def rows_and_columns(shape: tuple[int, int]) -> Groups:
    """The cells of every row, then of every column; shape (rows + columns, longer side)."""
    cells = _cells(shape)
    return pad_groups([*cells, *cells.T])


def blocks(shape: tuple[int, int], block: tuple[int, int]) -> Groups:
    """The cells of every block of `block` rows and columns that the grid is tiled with; shape (blocks, block's cells).

    Raises:
        ValueError: blocks of this shape do not tile the grid.
    """
    (rows, columns), (height, width) = shape, block
    if min(block) < 1 or rows % height or columns % width:
        raise ValueError(f"blocks of shape {block} do not tile a grid of shape {shape}: choose divisors of its sides")
    tiled = _cells(shape).reshape(rows // height, height, columns // width, width)
    return tiled.swapaxes(1, 2).reshape(-1, height * width)


def diagonals(shape: tuple[int, int]) -> Groups:
    """The cells of every diagonal of at least two cells, in both directions; shape (n_groups, longest diagonal)."""
    rows, columns = shape
    cells = _cells(shape)
    lines = [turned.diagonal(k) for turned in (cells, cells[:, ::-1]) for k in range(1 - rows, columns)]
    return pad_groups([line for line in lines if len(line) > 1])


def neighbours(shape: tuple[int, int]) -> Groups:
    """Every pair of cells that share an edge, pairs beside each other first; shape (pairs, 2)."""
    cells = _cells(shape)
    beside = np.stack([cells[:, :-1], cells[:, 1:]], axis=-1).reshape(-1, 2)
    above = np.stack([cells[:-1], cells[1:]], axis=-1).reshape(-1, 2)
    return np.concatenate([beside, above])


def count_marks(plans: Grids, groups: Groups) -> NDArray[np.int64]:
    """How many cells of each group are not 0, shape (B, n_groups).

    Args:
        plans: shape (B, n_cells).
        groups: shape (n_groups, cells); -1 pads.
    """
    # The padding points at one more cell, which is never marked.
    marks = np.concatenate([plans != 0, np.zeros((len(plans), 1), np.bool_)], axis=1)
    counts: NDArray[np.int64] = marks[:, groups].sum(axis=2)
    return counts


def count_repeats(
    plans: Grids, groups: Groups, n_symbols: int, *, violation_weight: float = 2.0, dead_end_weight: float = 5.0
) -> Checks:
    """The checker of problems where no group may hold a symbol twice and every cell must be filled.

    `filled` counts cells that are not blank. `violations` counts, group by group, the filled cells minus the different
    symbols in them. `dead_ends` counts blank cells in whose groups every symbol occurs. A plan is solved when all
    cells are filled without a violation. The score is `Checks.scored`'s.

    Args:
        plans: shape (B, n_cells), int8, 0 = blank.
        groups: cells that must hold different symbols, shape (n_groups, cells); -1 pads.
        n_symbols: symbols are 1..n_symbols, at most 62.
        violation_weight: what a violation costs.
        dead_end_weight: what a dead end costs.

    Raises:
        ValueError: there are more than 62 symbols.
    """
    if not 1 <= n_symbols <= MOST_SYMBOLS:
        raise ValueError(
            f"count_repeats takes 1 to {MOST_SYMBOLS} symbols, got {n_symbols}: write a checker of your own"
        )
    counts = np.empty((3, len(plans)), np.int64)
    _count_repeats(plans, groups, n_symbols, counts)
    filled, violations, dead_ends = counts
    solved = (filled == plans.shape[1]) & (violations == 0)
    return Checks.scored(
        solved, filled, violations, dead_ends, violation_weight=violation_weight, dead_end_weight=dead_end_weight
    )


@kernel()
def _count_repeats(plans: Grids, groups: Groups, n_symbols: int, counts: NDArray[np.int64]) -> None:
    """Fill in filled cells, violations and dead ends, shape (3, B)."""
    taken = np.empty(plans.shape[1], np.int64)
    for b in range(len(plans)):
        filled = violations = dead_ends = 0
        taken[:] = 0
        for group in groups:
            seen = 0
            for cell in group:
                bit = (1 << plans[b, cell]) >> 1 if cell >= 0 else 0
                violations += (seen & bit) != 0
                seen |= bit
            for cell in group:
                if cell >= 0:
                    taken[cell] |= seen
        for cell in range(plans.shape[1]):
            filled += plans[b, cell] != 0
            dead_ends += plans[b, cell] == 0 and taken[cell] == (1 << n_symbols) - 1
        counts[0, b], counts[1, b], counts[2, b] = filled, violations, dead_ends


def _cells(shape: tuple[int, int]) -> NDArray[np.int64]:
    """The numbers of a grid's cells, in its shape."""
    return np.arange(shape[0] * shape[1], dtype=np.int64).reshape(shape)
