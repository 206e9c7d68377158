"""What an edit writes, and what `hopeless` says against all solutions of small puzzles."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search_helpers import maze_solutions, mazes, solved_grids, sudokus

from trm_envs.maze.task import MazeTask
from trm_envs.maze.text import parse_mazes
from trm_envs.plan_edit.task import PlanTask
from trm_envs.sudoku.task import SudokuTask

SEEDS = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize(
    ("task", "instances"),
    [(SudokuTask(4), sudokus(4, 3)), (SudokuTask(9, can_erase=True), sudokus(9, 2)), (MazeTask(5), mazes(5, 3))],
)
def test_writes_is_what_edits_write(task, instances):
    rng = np.random.default_rng(0)
    plans = task.initial_plans(instances)
    for _ in range(10):
        writes = task.writes(plans)
        assert writes.shape == (*plans.shape, task.n_symbols) and writes.dtype == np.int8
        legal = task.action_mask(instances, plans, "givens")
        for action in range(task.n_cells * task.n_symbols):
            edited, done = task.edit(instances, plans, np.full(len(plans), action), "givens")
            cell, symbol = divmod(action, task.n_symbols)
            np.testing.assert_array_equal(edited[done, cell], writes[done, cell, symbol])
        actions = np.array([rng.choice(np.flatnonzero(row)) for row in legal])
        plans, _ = task.edit(instances, plans, actions, "givens")


def test_there_are_288_solved_grids():
    grids = solved_grids()
    assert len(np.unique(grids, axis=0)) == 288
    assert SudokuTask(4).check(grids, grids).solved.all()


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_sudoku_sound_monotone_and_exact_at_the_end(seed):
    task, rng, grids = SudokuTask(4), np.random.default_rng(seed), solved_grids()
    # Decided cells agree with a solution, the others hold anything.
    decided = rng.random(grids.shape) < rng.random((len(grids), 1))
    anything = rng.integers(0, 5, grids.shape).astype(np.int8)
    plans = np.where(decided, grids, anything)
    nothing = np.zeros_like(plans)
    assert not task.hopeless(nothing, plans, decided).any()
    # Decided at random: right wherever it says so.
    said = task.hopeless(nothing, anything, decided)
    agree = ((anything[:, None] == grids) | ~decided[:, None]).all(axis=2).any(axis=1)
    assert not (said & agree).any()
    more = decided | (rng.random(decided.shape) < 0.3)
    assert (task.hopeless(nothing, anything, more) >= said).all()
    everything = np.ones_like(decided)
    np.testing.assert_array_equal(task.hopeless(nothing, plans, everything), ~task.check(nothing, plans).solved)


def test_sudoku_by_example():
    task, plan, decided = SudokuTask(4), np.zeros((1, 16), np.int8), np.zeros((1, 16), np.bool_)

    def hopeless() -> bool:
        return bool(task.hopeless(np.zeros_like(plan), plan, decided)[0])

    plan[0, :4] = [1, 2, 3, 3]
    decided[0, :3] = True
    assert not hopeless()
    decided[0, 3] = True
    assert hopeless()
    plan[0, 3] = 0
    assert hopeless(), "a decided cell stays blank"
    decided[0, 3] = False
    plan[0, 15], decided[0, 15] = 4, True
    assert hopeless(), "the corner has no digit left"


TINY = ("S....#..G", "S.#.....G", "..S.#..G.", "S.G.#....")


@pytest.mark.parametrize("shortest", [False, True])
@pytest.mark.parametrize("number", range(len(TINY)))
def test_mazes_with_every_cell_open_marked_or_unmarked(number, shortest):
    instance = parse_mazes(TINY, 3)[number]
    task, free = MazeTask(3, shortest=shortest), np.flatnonzero(instance == 0)
    kinds = np.array(list(product(range(3), repeat=len(free))))
    plans = np.repeat(task.initial_plans(instance[None]), len(kinds), axis=0)
    decided = np.ones(plans.shape, np.bool_)
    plans[:, free], decided[:, free] = kinds == 1, kinds != 2
    # What open cells hold must not matter.
    plans[~decided] = np.random.default_rng(0).integers(0, 2, (~decided).sum())
    instances = np.repeat(instance[None], len(plans), axis=0)
    said = task.hopeless(instances, plans, decided)
    solutions = maze_solutions(task, instance)
    possible = ((plans[:, None] == solutions) | ~decided[:, None]).all(axis=2).any(axis=1)
    assert len(solutions) and not (said & possible).any()
    np.testing.assert_array_equal(said[decided.all(axis=1)], ~possible[decided.all(axis=1)])
    # It is not only the end that is judged.
    assert said[~decided.all(axis=1)].mean() > 0.3
    of = {tuple(row): answer for row, answer in zip(kinds.tolist(), said, strict=True)}
    for row, answer in of.items():
        for cell in np.flatnonzero(np.array(row) == 2) if answer else ():
            assert all(of[(*row[:cell], mark, *row[cell + 1 :])] for mark in (0, 1))


@pytest.mark.parametrize("shortest", [False, True])
def test_larger_mazes_keep_every_solution(shortest):
    task, rng = MazeTask(5, shortest=shortest), np.random.default_rng(1)
    for instance in mazes(5, 6, 1.0):
        solutions = maze_solutions(task, instance)
        goals = solutions[rng.integers(len(solutions), size=500)]
        decided = (rng.random(goals.shape) < rng.random((500, 1))) | (instance > 0)
        plans = np.where(decided, goals, rng.integers(0, 2, goals.shape)).astype(np.int8)
        assert not task.hopeless(np.repeat(instance[None], 500, axis=0), plans, decided).any()


def test_by_default_only_the_end_is_judged():
    for task, instances in ((SudokuTask(4), sudokus(4, 4)), (MazeTask(5), mazes(5, 4))):
        plans = task.initial_plans(instances)
        everything = np.ones(plans.shape, np.bool_)
        assert not PlanTask.hopeless(task, instances, plans, ~everything).any()
        assert PlanTask.hopeless(task, instances, plans, everything).all()
