"""The evaluation protocol: every instance of a pool exactly once, with randomness of the evaluator's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from baselines import Agent, Cost, Line, Method, Solver, Space
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.task import Grids

BATCH = 512
"""Instances played at once; bounds memory."""


class Contestants(Protocol):
    """What can be compared: a module with the names that `baselines` has."""

    @property
    def METHODS(self) -> Mapping[str, Method]:  # noqa: N802
        """Methods that are trained."""

    @property
    def LINES(self) -> Mapping[str, Line]:  # noqa: N802
        """Reference lines, which are not."""

    @property
    def SPACES(self) -> Mapping[str, Space]:  # noqa: N802
        """What methods are tuned over."""


class MeanCompute(NamedTuple):
    """Test-time compute, the mean over instances; what rows say of it."""

    network_calls: float
    inner_steps: float
    checks: float


@dataclass(frozen=True)
class Result:
    """What became of each of n instances."""

    solved: NDArray[np.bool_]
    """Shape (n,)."""
    edits: NDArray[np.int64]
    """Edits spent until the episode ended, shape (n,)."""
    returns: NDArray[np.float64]
    """Sum of discounted rewards of the episode, shape (n,)."""
    scores: NDArray[np.float64]
    """The highest score that the checker gave to a plan of the episode, shape (n,)."""

    network_calls: NDArray[np.int64]
    """Passes of a network, over all edits, shape (n,)."""
    inner_steps: NDArray[np.int64]
    """Inner steps of recursive networks, over all passes, shape (n,)."""
    checks: NDArray[np.int64]
    """Plans that the checker or the rules judged before an edit was chosen, shape (n,)."""
    plans: NDArray[Any]
    """The last plan of the episode; where it is solved, the solved one. Shape (n, ...)."""

    @property
    def n(self) -> int:
        """Number of instances."""
        return len(self.solved)

    @property
    def n_solved(self) -> int:
        """Number of instances solved."""
        return int(self.solved.sum())

    @property
    def success(self) -> float:
        """Fraction of instances solved."""
        return float(self.solved.mean())

    @property
    def mean_edits(self) -> float:
        """Mean edits spent, over all instances; an unsolved one spends its whole budget."""
        return float(self.edits.mean())

    @property
    def mean_compute(self) -> MeanCompute:
        """Test-time compute an instance."""
        return MeanCompute(*(float(getattr(self, name).mean()) for name in MeanCompute._fields))


def evaluate(agent: Agent, mdp: PlanEditMDP, instances: Grids, *, deterministic: bool = True) -> Result:
    """Play every instance once, from its first state to the end of its episode.

    Training environments take no part in it, and an `Agent` draws from the generator it was built with.

    Args:
        agent: chooses the edits.
        mdp: transitions, legal actions and the end of an episode.
        instances: shape (n, n_cells), int8, n >= 1.
        deterministic: greedy actions, not sampled ones.

    Raises:
        ValueError: there is no instance.
    """
    return _joined([_play(agent, mdp, part, deterministic) for part in _batches(instances)])


def solve(solver: Solver, mdp: PlanEditMDP, instances: Grids) -> Result:
    """Let a solver look for a solved plan of every instance, once.

    A solver plays no episode, so there are no returns: they are nan. As in an episode, an unsolved instance counts with
    its whole budget of edits.

    Args:
        solver: what looks for plans, with a budget of its own.
        mdp: for the checker's scores of the plans.
        instances: shape (n, n_cells), int8, n >= 1.

    Raises:
        ValueError: there is no instance.
    """
    return _joined([_solve(solver, mdp, part) for part in _batches(instances)])


def _batches(instances: Grids) -> list[Grids]:
    if len(instances) == 0:
        raise ValueError("there is no instance to evaluate on")
    return [instances[start : start + BATCH] for start in range(0, len(instances), BATCH)]


def _joined(parts: list[Result]) -> Result:
    names = [field.name for field in fields(Result)]
    return Result(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def _solve(solver: Solver, mdp: PlanEditMDP, instances: Grids) -> Result:
    found = solver.solve(instances)
    return Result(
        solved=found.solved,
        edits=found.edits,
        returns=np.full(len(instances), np.nan),
        scores=mdp.task.check(instances, found.plans).score,
        network_calls=found.calls,
        inner_steps=found.inner_steps,
        checks=found.checks,
        plans=found.plans,
    )


def _play(agent: Agent, mdp: PlanEditMDP, instances: Grids, deterministic: bool) -> Result:
    """The result of one batch; episodes that have ended leave it."""
    solved = np.zeros(len(instances), np.bool_)
    edits = np.zeros(len(instances), np.int64)
    returns = np.zeros(len(instances))
    spent = Cost.of(len(instances))
    alive = np.arange(len(instances))
    states, discount = mdp.initial(instances), 1.0
    agent.begin()
    scores, plans = mdp.check(states).score, states.plans.copy()
    while len(alive):
        transition = mdp.transition(states, agent.act(states, deterministic))
        edits[alive] += 1
        if agent.spent is not None:
            for total, part in zip(spent, agent.spent, strict=True):
                total[alive] += part
        returns[alive] += discount * transition.rewards
        solved[alive], plans[alive] = transition.checks.solved, transition.successors.plans
        scores[alive] = np.maximum(scores[alive], transition.checks.score)
        discount *= mdp.gamma
        going = np.flatnonzero(~transition.terminated)
        alive, states = alive[going], transition.successors.at(going)
        agent.keep(going)
    return Result(solved, edits, returns, scores, *spent, plans)
