"""Exact cover: what every solved plan of a task chooses exactly once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


class Cover(NamedTuple):
    """The constraints of a task as an exact cover; option `cell * n_symbols + symbol` writes a symbol into a cell.

    A plan with nothing but blanks and symbols is solved exactly where it holds one option of every *required*
    constraint and at most one of every other one. So a plan that holds two options of one constraint has no solved
    plan that extends it, and a plan that can be completed has, for every required constraint that it does not meet yet,
    an option whose writing leaves it so.
    """

    options: Indices
    """Options of each constraint, shape (G, k); -1 pads."""
    required: NDArray[np.bool_]
    """Whether exactly one option must be chosen, or at most one; shape (G,)."""
    constraints: Indices
    """Constraints of each option, shape (T, r); -1 pads."""
    rivals: Indices
    """Options that share a constraint with each option, itself left out, shape (T, c); -1 pads."""


def symbol_cover(
    n_cells: int, n_symbols: int, exactly_once: Iterable[Indices], at_most_once: Iterable[Indices] = ()
) -> Cover:
    """The cover of a task in which every cell takes one symbol.

    Args:
        n_cells: cells of the grid.
        n_symbols: symbols 1..n_symbols that a cell may take.
        exactly_once: arrays of groups, (n_groups, cells), -1 pads, in which every symbol stands exactly once.
        at_most_once: arrays of groups in which no symbol stands twice.

    Raises:
        ValueError: a group of `exactly_once` has not as many cells as there are symbols.
    """
    exactly_once = list(exactly_once)
    for size in {int((group >= 0).sum()) for groups in exactly_once for group in groups} - {n_symbols}:
        raise ValueError(
            f"every symbol stands once in a group only where it has {n_symbols} cells, one a symbol, got a group of "
            f"{size}: name it in at_most_once"
        )
    cells = np.arange(n_cells * n_symbols).reshape(n_cells, n_symbols)
    once = [list(row) for row in cells]
    once += [row for groups in exactly_once for row in _of_symbols(groups, n_symbols)]
    rarely = [row for groups in at_most_once for row in _of_symbols(groups, n_symbols)]
    return _joined([*once, *rarely], len(once), n_cells * n_symbols)


def _of_symbols(groups: Indices, n_symbols: int) -> list[list[int]]:
    """For every group and symbol, the options that write the symbol into a cell of the group."""
    return [
        [cell * n_symbols + symbol for cell in group if cell >= 0] for group in groups for symbol in range(n_symbols)
    ]


def _joined(constraints: list[list[int]], n_required: int, n_options: int) -> Cover:
    """The arrays of a cover, from the options of its constraints, the required ones first."""
    of: list[list[int]] = [[] for _ in range(n_options)]
    for number, options in enumerate(constraints):
        for option in options:
            of[option].append(number)
    rivals = [sorted({o for g in own for o in constraints[g]} - {option}) for option, own in enumerate(of)]
    required = np.arange(len(constraints)) < n_required
    return Cover(_padded(constraints), required, _padded(of), _padded(rivals))


def _padded(rows: list[list[int]]) -> Indices:
    """Rows of any lengths as one array; -1 pads."""
    width = max(map(len, rows))
    return np.array([[*row, *[-1] * (width - len(row))] for row in rows], np.int64)
