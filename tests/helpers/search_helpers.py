"""Instances of the search's tests, and all solutions of small puzzles."""

from __future__ import annotations

from itertools import permutations, product
from typing import Literal

import numpy as np

import trm_envs.maze.generator as maze_generator
import trm_envs.sudoku.generator as sudoku_generator
from trm_agents.solving import SearchResult
from trm_envs.maze.paths import FREE
from trm_envs.maze.task import MazeTask
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.task import Grids


def sudokus(size: int, count: int, blanks: tuple[int, int] | Literal["minimal"] | None = None) -> Grids:
    """Puzzles with one solution."""
    rng = np.random.default_rng(size)
    if blanks == "minimal":
        return sudoku_generator.generate_minimal(size, count, rng)
    return sudoku_generator.generate(size, blanks or ((8, 10) if size == 4 else (40, 50)), count, rng)


def mazes(size: int, count: int, braid: float = 0.5) -> Grids:
    """Mazes that can be solved."""
    return maze_generator.generate(size, count, np.random.default_rng(size), braid)


def solved_grids() -> Grids:
    """All 288 solved 4x4 grids."""
    rows = np.array(list(permutations(range(1, 5))), np.int8)
    grids = np.array([np.concatenate(four) for four in product(rows, repeat=2)])
    boxes = grids[(np.sort(grids.reshape(-1, 2, 2, 2).swapaxes(1, 2).reshape(-1, 2, 4)) == range(1, 5)).all((1, 2))]
    halves = [np.concatenate(two) for two in product(boxes, repeat=2)]
    columns = np.sort(np.array(halves).reshape(-1, 4, 4), axis=1)
    return np.array(halves)[(columns == np.arange(1, 5)[:, None]).all((1, 2))]


def all_markings(task: MazeTask, instance: np.ndarray) -> Grids:
    """Every plan of a small maze that edits can reach."""
    free = np.flatnonzero(instance == FREE)
    plans = np.repeat(task.initial_plans(instance[None]), 2 ** len(free), axis=0)
    plans[:, free] = (np.arange(2 ** len(free))[:, None] >> np.arange(len(free))) & 1
    return plans


def maze_solutions(task: MazeTask, instance: np.ndarray) -> Grids:
    """Every solved plan of a small maze."""
    plans = all_markings(task, instance)
    return plans[task.check(np.repeat(instance[None], len(plans), axis=0), plans).solved]


def check_result(mdp: PlanEditMDP, instances: Grids, found: SearchResult, budget: int) -> None:
    """Assert what holds of every search."""
    checks = mdp.task.check(instances, found.plans)
    starts = mdp.task.initial_plans(instances)
    np.testing.assert_array_equal(checks.solved, found.solved)
    np.testing.assert_array_equal(found.edits, (found.plans != starts).sum(axis=1))
    assert (found.plans[~found.solved] == starts[~found.solved]).all()
    assert (found.calls <= budget).all() and found.plans.dtype == np.int8
