"""`SymbolTask`, `MarkTask` and the helpers: against brute force, and against the puzzles that have kernels."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from own_tasks import Latin, Queens, latin_instances, queens_instances
from search_helpers import mazes, solved_grids, sudokus

from trm_envs import blocks, count_marks, count_repeats, diagonals, neighbours, pad_groups, rows_and_columns
from trm_envs.maze.task import MazeTask
from trm_envs.plan_edit.grids import GridTask, MarkTask, SymbolTask
from trm_envs.plan_edit.task import Checks
from trm_envs.sudoku.geometry import units
from trm_envs.sudoku.task import SudokuTask

SEEDS = st.integers(0, 2**32 - 1)


def test_groups_by_example():
    assert rows_and_columns((2, 3)).tolist() == [[0, 1, 2], [3, 4, 5], [0, 3, -1], [1, 4, -1], [2, 5, -1]]
    assert diagonals((2, 3)).tolist() == [[0, 4], [1, 5], [2, 4], [1, 3]]
    assert blocks((2, 4), (1, 2)).tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert neighbours((2, 2)).tolist() == [[0, 1], [2, 3], [0, 2], [1, 3]]
    assert pad_groups([[1], [2, 3]]).tolist() == [[1, -1], [2, 3]]
    for groups in (rows_and_columns((2, 3)), diagonals((3, 3)), blocks((4, 4), (2, 2)), neighbours((2, 2))):
        assert groups.dtype == np.int64


@pytest.mark.parametrize("size", [4, 9])
def test_groups_of_sudoku(size):
    side = int(size**0.5)
    ours = np.concatenate([rows_and_columns((size, size)), blocks((size, size), (side, side))])
    np.testing.assert_array_equal(ours, units(size))


def test_groups_that_cannot_be():
    with pytest.raises(ValueError, match=r"blocks of shape \(2, 3\) do not tile"):
        blocks((4, 4), (2, 3))
    with pytest.raises(ValueError, match="at least one group"):
        pad_groups([])


def counted(plan, groups, n_symbols):
    """Filled cells, violations and dead ends of one plan, in plain Python."""
    members = [[cell for cell in group if cell >= 0] for group in groups.tolist()]
    violations = 0
    for cells in members:
        symbols = [plan[cell] for cell in cells if plan[cell]]
        violations += len(symbols) - len(set(symbols))
    dead_ends = 0
    for cell, symbol in enumerate(plan):
        around = {plan[other] for cells in members if cell in cells for other in cells}
        dead_ends += symbol == 0 and set(range(1, n_symbols + 1)) <= around
    return sum(symbol > 0 for symbol in plan), violations, dead_ends


@settings(max_examples=100, deadline=None)
@given(SEEDS)
def test_repeats_as_counted_by_hand(seed):
    rng = np.random.default_rng(seed)
    shape, n_symbols = (int(rng.integers(1, 5)), int(rng.integers(1, 5))), int(rng.integers(1, 5))
    groups = rows_and_columns(shape)
    plans = rng.integers(0, n_symbols + 1, (20, shape[0] * shape[1])).astype(np.int8)
    checks = count_repeats(plans, groups, n_symbols, violation_weight=3.0, dead_end_weight=0.5)
    for row, plan in enumerate(plans.tolist()):
        filled, violations, dead_ends = counted(plan, groups, n_symbols)
        assert (checks.filled[row], checks.violations[row], checks.dead_ends[row]) == (filled, violations, dead_ends)
        assert checks.solved[row] == (filled == len(plan) and violations == 0)
        assert checks.score[row] == filled - 3.0 * violations - 0.5 * dead_ends


def test_repeats_of_as_many_symbols_as_there_can_be():
    plan = np.arange(1, 63, dtype=np.int8)
    groups = np.arange(62)[None]
    assert count_repeats(plan[None], groups, 62).solved.all()
    assert count_repeats(np.where(plan == 62, 61, plan)[None].astype(np.int8), groups, 62).violations[0] == 1
    with pytest.raises(ValueError, match="1 to 62 symbols, got 63"):
        count_repeats(plan[None], groups, 63)


def test_marks_are_counted_without_the_padding():
    plans = np.array([[0, 1, 1], [1, 0, 0]], np.int8)
    assert count_marks(plans, np.array([[0, 1, 2], [0, 2, -1]])).tolist() == [[2, 1], [1, 1]]


def states_of(task, instances, rng, count=40):
    """Plans with anything in their open cells."""
    rows = instances[rng.integers(len(instances), size=count)]
    anything = rng.integers(0, task.plan_high + 1, rows.shape).astype(np.int8)
    # Few of them filled in some, many in others.
    anything[rng.random(rows.shape) < rng.random((count, 1))] = 0
    return rows, np.where(task.open_cells(rows), anything, task.initial_plans(rows))


@pytest.mark.parametrize("level", ["givens", "consistent"])
@pytest.mark.parametrize(
    ("task", "instances"),
    [
        (SudokuTask(4), sudokus(4, 6)),
        (SudokuTask(4, can_erase=True), sudokus(4, 6)),
        (SudokuTask(9), sudokus(9, 3)),
        (MazeTask(5), mazes(5, 6)),
        (MazeTask(9), mazes(9, 3)),
    ],
    ids=["sudoku-4x4", "sudoku-4x4-erase", "sudoku-9x9", "maze-5x5", "maze-9x9"],
)
def test_kernels_of_the_puzzles_do_what_the_defaults_do(task, instances, level):
    rng = np.random.default_rng(0)
    rows, plans = states_of(task, instances, rng)
    mask = task.action_mask(rows, plans, level)
    np.testing.assert_array_equal(mask, GridTask.action_mask(task, rows, plans, level))
    assert mask.any() and not mask.all()
    for actions in rng.integers(task.n_actions, size=(30, len(plans))):
        edited, legal = task.edit(rows, plans, actions, level)
        default, default_legal = GridTask.edit(task, rows, plans, actions, level)
        np.testing.assert_array_equal(edited, default)
        np.testing.assert_array_equal(legal, default_legal)


@settings(max_examples=50, deadline=None)
@given(SEEDS)
def test_hopeless_of_sudoku_is_the_default_one(seed):
    task, rng, grids = SudokuTask(4), np.random.default_rng(seed), solved_grids()
    plans = np.where(rng.random(grids.shape) < rng.random((len(grids), 1)), grids, rng.integers(0, 5, grids.shape))
    plans, decided = plans.astype(np.int8), rng.random(grids.shape) < rng.random((len(grids), 1))
    nothing = np.zeros_like(plans)
    default = SymbolTask.hopeless(task, nothing, plans, decided)
    np.testing.assert_array_equal(task.hopeless(nothing, plans, decided), default)


def test_hopeless_of_a_latin_square_against_all_plans():
    task, size = Latin(3), 3
    instances, _ = latin_instances(size, 4, 5)
    rng, said = np.random.default_rng(0), 0
    for instance in instances:
        free = np.flatnonzero(instance == 0)
        fillings = np.array(list(product(range(1, size + 1), repeat=len(free))), np.int8)
        plans = np.repeat(instance[None], len(fillings), axis=0)
        plans[:, free] = fillings
        solved = plans[task.check(np.zeros_like(plans), plans).solved]
        decided = rng.random(plans.shape) < 0.5
        hopeless = task.hopeless(np.repeat(instance[None], len(plans), axis=0), plans, decided)
        fixed = decided | (instance > 0)
        possible = ((plans[:, None] == solved) | ~fixed[:, None]).all(axis=2).any(axis=1)
        assert not (hopeless & possible).any()
        said += hopeless[~fixed.all(axis=1)].sum()
    assert said > 50, "it is not only the end that is judged"


def test_an_edit_is_consistent_where_it_repeats_nothing():
    task, plan = Latin(3), np.array([[1, 0, 0, 0, 0, 2, 0, 0, 0]], np.int8)
    mask = task.action_mask(plan, plan, "consistent")[0].reshape(9, 3)
    assert mask[1].tolist() == [False, True, True] and mask[2].tolist() == [False, False, True]
    assert not mask[0].any() and not mask[5].any()
    # A cell does not forbid its own symbol, and one that repeats another may not be written anew.
    twice = np.array([[1, 1, 0, 0, 0, 2, 0, 0, 0]], np.int8)
    assert task.action_mask(plan, twice, "consistent")[0].reshape(9, 3)[1].tolist() == [False, True, True]


def test_marks_may_always_be_removed():
    task, instances = Queens(4), queens_instances()[:1]
    plan = np.zeros((1, 16), np.int8)
    plan[0, [0, 1]] = 1
    mask = task.action_mask(instances, plan, "consistent")[0]
    assert mask[[0, 1]].all() and mask[14] and not mask[[2, 11]].any()


def test_the_queens_that_can_be_placed():
    task = Queens(4)
    plans = np.array(list(product((0, 1), repeat=16)), np.int8)
    solved = task.check(np.zeros_like(plans), plans).solved
    assert [np.flatnonzero(plan).tolist() for plan in plans[solved]] == [[2, 4, 11, 13], [1, 7, 8, 14]]


def test_first_plans_and_categories_of_marks():
    class Shaded(Queens):
        def __init__(self):
            MarkTask.__init__(self, (1, 4), instance_high=3, open_values=(0, 2), marked_values=(1, 2))

    task, instance = Shaded(), np.array([[0, 1, 2, 3]], np.int8)
    assert task.initial_plans(instance).tolist() == [[0, 1, 1, 0]]
    assert task.open_cells(instance).tolist() == [[True, False, True, False]]
    assert task.token_types(instance, task.initial_plans(instance)).tolist() == [[[0], [3], [5], [6]]]
    assert task.n_token_types == 8


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SymbolTask.__init__(Latin.__new__(Latin), (2, 2), 0), "n_symbols must be within 1..127"),
        (lambda: SymbolTask.__init__(Latin.__new__(Latin), (0, 2), 2), "at least one row"),
        (lambda: MarkTask.__init__(Queens.__new__(Queens), (2, 2), instance_high=64), "within 0..63, got 64"),
        (lambda: MarkTask.__init__(Queens.__new__(Queens), (2, 2), open_values=()), "at least one"),
        (lambda: MarkTask.__init__(Queens.__new__(Queens), (2, 2), marked_values=(2,)), r"instance_high=1.*\[2\]"),
    ],
)
def test_values_outside_their_range(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("task", "instance", "message"),
    [
        (Latin(3), [4, 0, 0, 0, 0, 0, 0, 0, 0], r"puzzle 2: symbols must be within 0..3"),
        (Latin(3), [1, 2, 3, 2, 3, 1, 3, 1, 2], "puzzle 2: nothing is blank"),
        (Latin(3), [1, 1, 0, 0, 0, 0, 0, 0, 0], "puzzle 2: contradictory givens, with 1 violations"),
        (Queens(4), [2] + [0] * 15, r"puzzle 2: cells must be within 0..1"),
        (Queens(4), [1] * 16, "puzzle 2: no cell is open"),
        (Queens(4), [0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0], "puzzle 2: solved before the first edit"),
    ],
)
def test_flaws_of_instances(task, instance, message):
    good = np.zeros_like(np.array(instance, np.int8))
    with pytest.raises(ValueError, match=message):
        task.validate(np.array([good, instance], np.int8))


def test_what_a_view_tells():
    task = Latin(3)
    instance = np.array([1, 0, 0, 0, 0, 0, 0, 0, 0], np.int8)
    view = task.view(instance, np.array([1, 1, 0, 0, 0, 2, 0, 0, 3], np.int8))
    assert view.symbols == ("1", "1", "", "", "", "2", "", "", "3")
    assert view.kinds == ("given", "edit", "blank", "blank", "blank", "edit", "blank", "blank", "edit")
    assert np.flatnonzero(view.violating).tolist() == [0, 1]
    assert np.flatnonzero(view.dead_ends).tolist() == [2]
    assert view.edits == ("1", "2", "3")
    board = Queens(2).view(np.array([1, 0, 0, 0], np.int8), np.array([1, 1, 0, 0], np.int8))
    assert board.symbols == ("●", "●", "", "") and board.kinds == ("given", "edit", "blank", "blank")
    assert board.violating.tolist() == [True, True, False, False] and board.edits == ("toggle",)


def test_default_drawings_tell_the_states_apart():
    task = Latin(3)
    instance = np.array([1, 0, 0, 0, 0, 0, 0, 0, 0], np.int8)
    plans = [np.array(plan, np.int8) for plan in ([1] + [0] * 8, [1, 2] + [0] * 7, [1, 1] + [0] * 7)]
    texts = {task.render_text(instance, plan) for plan in plans}
    images = [task.render_image(instance, plan) for plan in plans]
    assert len(texts) == 3 and all(text.count("\n") == 2 for text in texts)
    assert len({image.tobytes() for image in images}) == 3
    assert all(image.shape == images[0].shape and image.dtype == np.uint8 for image in images)
    wide = Shape23().render_image(np.zeros(6, np.int8), np.zeros(6, np.int8))
    assert wide.shape[1] > wide.shape[0]


class Shape23(Latin):
    def __init__(self):
        SymbolTask.__init__(self, (2, 3), 12)


def test_scored_copies_and_weighs():
    counts = np.array([3, 4])
    checks = Checks.scored(np.array([True, False]), counts, np.array([0, 1]), violation_weight=4.0)
    assert checks.score.tolist() == [3.0, 0.0] and checks.dead_ends.tolist() == [0, 0]
    assert not np.shares_memory(checks.filled, counts) and checks.score.dtype == np.float64
