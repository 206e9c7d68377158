"""Reference lines: agents that do not learn, the floors and ceilings of every table.

They are stochastic or not by nature: `deterministic` changes nothing about them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates

MAX_SUCCESSORS = 200_000
"""Successors enumerated in one call; bounds memory."""


def choose(among: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """One true column of each row, uniformly, shape (B,), int64."""
    keys = np.where(among, rng.random(among.shape), -1.0)
    return np.asarray(keys.argmax(axis=1), np.int64)


class RandomLegal:
    """Uniform over the legal actions."""

    def __init__(self, mdp: PlanEditMDP, rng: np.random.Generator) -> None:
        self.mdp = mdp
        self.rng = rng

    def act(self, states: PlanStates, deterministic: bool = True) -> NDArray[np.int64]:
        """One action a state, shape (B,), int64."""
        return choose(self.mdp.action_mask(states), self.rng)


class RandomConsistent:
    """Uniform over the edits that break no rule, of blank and filled cells alike; over legal actions where none is."""

    def __init__(self, mdp: PlanEditMDP, rng: np.random.Generator) -> None:
        self.mdp = mdp
        self.rng = rng

    def act(self, states: PlanStates, deterministic: bool = True) -> NDArray[np.int64]:
        """One action a state, shape (B,), int64."""
        legal = self.mdp.action_mask(states)
        consistent = np.zeros_like(legal)
        edits = self.mdp.task.action_mask(states.instances, states.plans, "consistent")
        consistent[:, : edits.shape[1]] = edits
        return choose(np.where(consistent.any(axis=1, keepdims=True), consistent, legal), self.rng)


class CheckerGreedy:
    """One-step lookahead: the action whose successor the checker scores highest, a solved one above all."""

    def __init__(self, mdp: PlanEditMDP, rng: np.random.Generator) -> None:
        self.mdp = mdp
        self.rng = rng

    def act(self, states: PlanStates, deterministic: bool = True) -> NDArray[np.int64]:
        """One action a state, ties broken at random, shape (B,), int64."""
        at_once = max(1, MAX_SUCCESSORS // self.mdp.n_actions)
        starts = range(0, len(states.plans), at_once)
        chunks = [states.at(np.arange(start, min(start + at_once, len(states.plans)))) for start in starts]
        return np.concatenate([self._best(chunk) for chunk in chunks])

    def _best(self, states: PlanStates) -> NDArray[np.int64]:
        successors = self.mdp.successors(states)
        checks = successors.transition.checks
        scores = np.full((len(states.plans), self.mdp.n_actions), -np.inf)
        scores[successors.rows, successors.actions] = np.where(checks.solved, np.inf, checks.score)
        return choose(scores == scores.max(axis=1, keepdims=True), self.rng)


class PlanFollower(ABC):
    """Edits the plan, one cell at a time, into a target that is derived from the instance alone."""

    def __init__(self, mdp: PlanEditMDP, rng: np.random.Generator) -> None:
        self.mdp = mdp
        self._targets: dict[bytes, NDArray[np.int8]] = {}

    @abstractmethod
    def targets(self, instances: Grids) -> Grids:
        """Plans to work towards, shape (B, n_cells), int8."""

    @abstractmethod
    def preferences(self, plans: Grids, targets: Grids) -> NDArray[np.int8]:
        """Rank of every edit, shape (B, n_cells * n_symbols): 2 towards the target, 1 changes nothing, 0 else."""

    def act(self, states: PlanStates, deterministic: bool = True) -> NDArray[np.int64]:
        """The first of the best legal actions in each state, shape (B,), int64."""
        legal = self.mdp.action_mask(states)
        ranks = np.zeros(legal.shape, np.int8)
        edits = self.preferences(states.plans, self._known(states.instances))
        ranks[:, : edits.shape[1]] = edits
        return np.asarray(np.where(legal, ranks, -1).argmax(axis=1), np.int64)

    def _known(self, instances: Grids) -> Grids:
        """Targets, derived once an instance: every state of an episode asks for the same."""
        keys = [instance.tobytes() for instance in instances]
        new = {key: row for row, key in enumerate(keys) if key not in self._targets}
        if new:
            self._targets.update(zip(new, self.targets(instances[list(new.values())]), strict=True))
        return np.stack([self._targets[key] for key in keys])


class Singles(PlanFollower):
    """Writes what naked and hidden singles derive from the givens; when that is done it edits no more.

    Raises:
        ValueError: the puzzle is no Sudoku.
    """

    def __init__(self, mdp: PlanEditMDP, rng: np.random.Generator) -> None:
        if not isinstance(mdp.task, SudokuTask):
            raise ValueError(f"the line 'singles' plays Sudoku only, not {type(mdp.task).__name__}")
        super().__init__(mdp, rng)

    def targets(self, instances: Grids) -> Grids:
        """Derived digits, 0 where the two rules derive none."""
        return singles(instances)

    def preferences(self, plans: Grids, targets: Grids) -> NDArray[np.int8]:
        """See `digit_preferences`."""
        return digit_preferences(plans, targets, self.mdp.task.n_symbols)


def digit_preferences(plans: Grids, targets: Grids, size: int) -> NDArray[np.int8]:
    """2 for writing a target's digit where the plan lacks it, 1 where the plan has it, shape (B, cells * size)."""
    wanted = targets[:, :, None] == np.arange(1, size + 1, dtype=np.int8)
    missing = (plans != targets)[:, :, None] & wanted
    return (wanted.astype(np.int8) + missing).reshape(len(plans), -1)
