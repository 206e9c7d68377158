"""Exact covers against the checker and against constraints listed anew."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from search_helpers import solved_grids

from trm_envs.maze.task import MazeTask
from trm_envs.plan_edit.cover import Cover, symbol_cover
from trm_envs.plan_edit.task import PlanTask
from trm_envs.sudoku.task import SudokuTask

SEEDS = st.integers(0, 2**32 - 1)


def held(plans: NDArray[np.int8], cover: Cover, n_symbols: int) -> NDArray[np.int64]:
    """How many options of each constraint the plans hold, by looking each option up in the plan, (B, G)."""
    cells, symbols = np.divmod(cover.options, n_symbols)
    return ((plans[:, cells] == symbols + 1) & (cover.options >= 0)).sum(axis=2)


def covered(plans: NDArray[np.int8], cover: Cover, n_symbols: int) -> NDArray[np.bool_]:
    """Whether every required constraint has one option and none two, (B,)."""
    counts = held(plans, cover, n_symbols)
    return (counts[:, cover.required] == 1).all(axis=1) & (counts <= 1).all(axis=1)


def seen(size: int, cell: int, other: int) -> bool:
    """Whether two different cells share a row, a column or a box."""
    side = int(size**0.5)
    (row, column), (row2, column2) = divmod(cell, size), divmod(other, size)
    boxed = row // side == row2 // side and column // side == column2 // side
    return cell != other and (row == row2 or column == column2 or boxed)


@settings(max_examples=50, deadline=None)
@given(SEEDS)
def test_a_sudoku_is_solved_exactly_where_its_constraints_are_met_once(seed: int) -> None:
    task, rng, grids = SudokuTask(4), np.random.default_rng(seed), solved_grids()
    anything = rng.integers(0, 5, grids.shape).astype(np.int8)
    full = rng.integers(1, 5, grids.shape).astype(np.int8)
    partial = np.where(rng.random(grids.shape) < 0.2, np.int8(0), grids)
    one_off = grids.copy()
    cells = rng.integers(0, 16, len(grids))
    one_off[np.arange(len(grids)), cells] = rng.integers(0, 5, len(grids))
    # Two rows exchanged: often only boxes are broken.
    exchanged = grids.reshape(-1, 4, 4)[:, rng.permutation(4)].reshape(-1, 16)
    plans = np.concatenate([anything, full, partial, one_off, exchanged, grids])
    solved = task.check(np.zeros_like(plans), plans).solved
    np.testing.assert_array_equal(covered(plans, task.cover, 4), solved)
    assert solved[-len(grids) :].all() and not solved.all()


@pytest.mark.parametrize("size", [4, 9])
def test_the_constraints_of_sudoku(size: int) -> None:
    cover = SudokuTask(size).cover
    assert cover.options.shape == (4 * size**2, size) and cover.constraints.shape == (size**3, 4)
    assert cover.required.shape == (4 * size**2,) and cover.required.all()
    assert cover.options.min() == cover.constraints.min() == 0
    assert all(len(set(row)) == len(row) for table in cover for row in table.tolist() if table.ndim == 2)
    # Each of the two tables says what the other says.
    pairs = {(g, o) for g, options in enumerate(cover.options.tolist()) for o in options}
    assert pairs == {(g, o) for o, own in enumerate(cover.constraints.tolist()) for g in own}


@pytest.mark.parametrize("size", [4, 9])
def test_rivals_are_other_digits_of_the_cell_and_the_digit_in_cells_it_sees(size: int) -> None:
    rivals = SudokuTask(size).cover.rivals
    for cell, symbol in product(range(size**2), range(size)):
        same_cell = {cell * size + other for other in range(size) if other != symbol}
        same_symbol = {other * size + symbol for other in range(size**2) if seen(size, cell, other)}
        assert sorted(rivals[cell * size + symbol].tolist()) == sorted(same_cell | same_symbol)


def test_what_may_stand_once_need_not() -> None:
    # Three symbols, two cells that must differ: no symbol has to occur.
    cover = symbol_cover(2, 3, [], at_most_once=[np.array([[0, 1, -1]])])
    assert cover.required.tolist() == [True] * 2 + [False] * 3
    assert cover.options.tolist() == [[0, 1, 2], [3, 4, 5], [0, 3, -1], [1, 4, -1], [2, 5, -1]]
    assert cover.rivals.tolist() == [[1, 2, 3], [0, 2, 4], [0, 1, 5], [0, 4, 5], [1, 3, 5], [2, 3, 4]]
    plans = np.array(list(product(range(4), repeat=2)), np.int8)
    assert {tuple(plan) for plan in plans[covered(plans, cover, 3)].tolist()} == {
        (a, b) for a, b in product((1, 2, 3), repeat=2) if a != b
    }


def test_groups_that_must_and_groups_that_may_by_hand() -> None:
    # Rows of two cells hold both symbols, and no diagonal one twice: two plans of 81.
    cover = symbol_cover(
        4, 2, [np.array([[0, 1], [2, 3]])], at_most_once=[np.array([[0, 3, -1], [1, 2, -1]]), np.array([[0]])]
    )
    assert cover.required.tolist() == [True] * 8 + [False] * 6
    plans = np.array(list(product(range(3), repeat=4)), np.int8)
    assert plans[covered(plans, cover, 2)].tolist() == [[1, 2, 1, 2], [2, 1, 2, 1]]
    # Options of the first cell have its cell, row, diagonal and itself; those of the others have no fourth.
    assert (cover.constraints[:2] >= 0).all() and (cover.constraints[2:, 3] == -1).all()
    for option, row in enumerate(cover.rivals.tolist()):
        shared = {o for options in cover.options.tolist() if option in options for o in options if o >= 0}
        assert [o for o in row if o >= 0] == sorted(shared - {option})


def test_no_cover_is_known_where_the_task_says_none() -> None:
    assert isinstance(MazeTask(5), PlanTask) and MazeTask(5).cover is None


def test_a_group_of_another_size_cannot_hold_every_symbol_once():
    with pytest.raises(ValueError, match="has 3 cells, one a symbol, got a group of 2: name it in at_most_once"):
        symbol_cover(4, 3, exactly_once=[np.array([[0, 1, 2]]), np.array([[2, 3, -1]])])
