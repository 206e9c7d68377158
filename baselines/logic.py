"""Reference lines that derive a target plan from the instance and write it: singles logic, the solver and the like.

These know the puzzles, which no agent does: they are ceilings, not competitors.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from baselines.agents import Agent, Cost
from trm_agents.survival.refutations import propagated
from trm_envs.colouring import solver as colouring
from trm_envs.colouring.task import GraphColouringTask
from trm_envs.light_up import solver as light_up
from trm_envs.light_up.task import LightUpTask
from trm_envs.maze.paths import GOAL, START, distances, find
from trm_envs.maze.task import MazeTask
from trm_envs.maze.walk import WalkTask
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.square import neighbour
from trm_envs.plan_edit.task import Grids
from trm_envs.sudoku.solver import singles, solve
from trm_envs.sudoku.task import SudokuTask


class PlanFollower(Agent):
    """Edits the plan, one cell at a time, into a target that depends on the instance alone.

    Args:
        mdp: the MDP that states belong to.
        derive: instances -> targets, both of shape (B, n_cells).
        rank: (plans, targets) -> int8 of shape (B, n_cells * n_symbols): 2 for an edit towards the target,
            1 for one that changes nothing, 0 for others.
    """

    def __init__(
        self,
        mdp: PlanEditMDP,
        derive: Callable[[Grids], Grids],
        rank: Callable[[Grids, Grids], NDArray[np.int8]],
    ) -> None:
        self.mdp = mdp
        self.derive = derive
        self.rank = rank
        self._targets: dict[bytes, NDArray[np.int8]] = {}

    def act(self, states: PlanStates, deterministic: bool = True) -> NDArray[np.int64]:
        """The first of the best-ranked legal actions in each state, shape (B,), int64."""
        legal = self.mdp.action_mask(states)
        ranks = np.zeros(legal.shape, np.int8)
        edits = self.rank(states.plans, self._known(states.instances))
        ranks[:, : edits.shape[1]] = edits
        return np.asarray(np.where(legal, ranks, -1).argmax(axis=1), np.int64)

    def _known(self, instances: Grids) -> Grids:
        """Targets, derived once an instance: every state of an episode asks for the same."""
        keys = [instance.tobytes() for instance in instances]
        new = {key: row for row, key in enumerate(keys) if key not in self._targets}
        if new:
            self._targets.update(zip(new, self.derive(instances[list(new.values())]), strict=True))
        return np.stack([self._targets[key] for key in keys])


def rank_symbols(plans: Grids, targets: Grids, n_symbols: int) -> NDArray[np.int8]:
    """2 for a target's symbol where the plan lacks it, 1 where it stands there already; target 0 = unknown."""
    wanted = targets[:, :, None] == np.arange(1, n_symbols + 1, dtype=np.int8)
    missing = wanted & (plans != targets)[:, :, None]
    ranks: NDArray[np.int8] = wanted.astype(np.int8) + missing
    return ranks.reshape(len(plans), -1)


def rank_toggles(plans: Grids, targets: Grids) -> NDArray[np.int8]:
    """Maze and Light Up: 2 for every cell whose mark is not the target's."""
    ranks: NDArray[np.int8] = np.where(plans == targets, 0, 2).astype(np.int8)
    return ranks


def rank_forced(plans: Grids, known: Grids) -> NDArray[np.int8]:
    """Light Up: 2 for a known cell that the plan has not as it must be, 1 for one that it has; known 0 = unknown.

    Where nothing of rank 2 is left, a known cell is toggled and then mended: no toggle changes nothing, and one of an
    unknown cell would be a guess.
    """
    right = (plans == 1) == (known == light_up.BULB)
    ranks: NDArray[np.int8] = np.where(known == light_up.UNKNOWN, 0, np.where(right, 1, 2)).astype(np.int8)
    return ranks


class ShortestPath(Agent):
    """Walks a shortest path to the goal, the first of several; an agent that is walled off takes the first legal move.

    Args:
        mdp: the MDP that states belong to, one of walking.
    """

    def __init__(self, mdp: PlanEditMDP) -> None:
        self.mdp = mdp

    def act(self, states: PlanStates, deterministic: bool = True) -> NDArray[np.int64]:
        """One move a state, shape (B,), int64."""
        legal = self.mdp.action_mask(states)
        size = self.mdp.task.shape[0]
        left = np.full(legal.shape, np.inf)
        for row, (instance, plan) in enumerate(zip(states.instances, states.plans, strict=True)):
            steps = distances(instance, find(instance, GOAL), size)
            around = [neighbour(find(plan, 1), direction, size) for direction in range(4)]
            left[row, :4] = [steps[cell] for cell in around]
        return np.asarray(np.where(legal & (left >= 0), left, np.inf).argmin(axis=1), np.int64)


def shortest_paths(instances: Grids) -> Grids:
    """One shortest path of each maze, start and goal included, 1 = marked; the start alone where there is no path."""
    marks = np.zeros_like(instances)
    size = round(instances.shape[1] ** 0.5)
    for instance, mark in zip(instances, marks, strict=True):
        steps = distances(instance, find(instance, GOAL), size)
        cell = find(instance, START)
        mark[cell] = 1
        while steps[cell] > 0:
            around = [neighbour(cell, direction, size) for direction in range(4)]
            cell = next(other for other in around if other >= 0 and steps[other] == steps[cell] - 1)
            mark[cell] = 1
    return marks


def _writer(mdp: PlanEditMDP, derive: Callable[[Grids], Grids]) -> PlanFollower:
    """Writes target symbols."""
    return PlanFollower(mdp, derive, partial(rank_symbols, n_symbols=mdp.task.n_symbols))


class TabuSearch(Agent):
    """Writes the best colouring that tabu search finds before the first edit.

    It judges as many plans as the checker's one-step lookahead may in an episode: every edit of every state.

    Args:
        mdp: the MDP that states belong to, one of graph colouring.
        rng: what searches are drawn with.
    """

    def __init__(self, mdp: PlanEditMDP, rng: np.random.Generator) -> None:
        self.mdp, self.rng = mdp, rng
        self.follower = _writer(mdp, self._search)
        self._judged: dict[bytes, int] = {}

    def act(self, states: PlanStates, deterministic: bool = True) -> NDArray[np.int64]:
        """One edit a state, shape (B,), int64; the first of an episode costs the search."""
        actions = self.follower.act(states)
        first = states.remaining_edits == self.mdp.max_edits
        judged = np.array([self._judged[instance.tobytes()] for instance in states.instances], np.int64)
        self.spent = Cost.of(len(actions))._replace(checks=np.where(first, judged, 0))
        return actions

    def _search(self, instances: Grids) -> Grids:
        most = self.mdp.max_edits * self.mdp.task.n_actions
        plans, judged = colouring.tabu(instances, self.mdp.task.n_symbols, most, self.rng)
        self._judged.update(zip((instance.tobytes() for instance in instances), judged.tolist(), strict=True))
        return plans


def dsatur_line(mdp: PlanEditMDP, rng: np.random.Generator) -> PlanFollower:
    """Writes what DSATUR colours; a vertex that no colour fits ends it."""
    return _writer(mdp, partial(colouring.dsatur, colours=mdp.task.n_symbols))


def singles_line(mdp: PlanEditMDP, rng: np.random.Generator) -> PlanFollower:
    """Writes what single cells derive from the instance; where they derive no more, it comes no further.

    In Sudoku these are naked and hidden singles, in Light Up the forced cells of `trm_envs.light_up.solver.deduce`, in
    graph colouring the vertices for which one colour is left, but for the names of colours.

    Raises:
        ValueError: there are no such rules for this puzzle.
    """
    if isinstance(mdp.task, SudokuTask):
        return _writer(mdp, singles)
    if isinstance(mdp.task, LightUpTask):
        return PlanFollower(mdp, light_up.deduce, rank_forced)
    if isinstance(mdp.task, GraphColouringTask):
        return _writer(mdp, partial(colouring.forced, colours=mdp.task.colours))
    raise ValueError(
        f"the line 'singles' plays Sudoku, Light Up and graph colouring only, not {type(mdp.task).__name__}"
    )


def propagation_line(mdp: PlanEditMDP, rng: np.random.Generator) -> PlanFollower:
    """Writes what the survival bound decides, iterated from w = 1; where it decides no more, it changes nothing.

    Raises:
        ValueError: the puzzle's constraints are no exact cover.
    """
    cover = mdp.task.cover
    if cover is None:
        raise ValueError(f"the line 'propagation' needs a task with a cover, which {type(mdp.task).__name__} has not")
    return _writer(mdp, lambda instances: propagated(instances, cover))


def solver_line(mdp: PlanEditMDP, rng: np.random.Generator) -> Agent:
    """Writes a solution, or walks a shortest path; an instance without one is left as it is.

    Raises:
        ValueError: there is no solver for this puzzle.
    """
    if isinstance(mdp.task, SudokuTask):
        return _writer(mdp, lambda instances: solve(instances)[0])
    if isinstance(mdp.task, MazeTask):
        return PlanFollower(mdp, shortest_paths, rank_toggles)
    if isinstance(mdp.task, LightUpTask):
        return PlanFollower(mdp, lambda instances: light_up.solve(instances)[0], rank_toggles)
    if isinstance(mdp.task, GraphColouringTask):
        return _writer(mdp, partial(colouring.colour, colours=mdp.task.colours))
    if isinstance(mdp.task, WalkTask):
        return ShortestPath(mdp)
    raise ValueError(
        f"there is no solver for {type(mdp.task).__name__}; the line plays Sudoku, mazes, Light Up and graph colouring"
    )
