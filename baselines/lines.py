"""Reference lines: agents that do not learn, the floors and ceilings of every table.

They are stochastic or not by nature: `deterministic` changes nothing about them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from baselines.agents import Agent, Cost
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates

MAX_SUCCESSORS = 200_000
"""Successors enumerated in one call; bounds memory."""


def choose(among: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """One true column of each row, uniformly, shape (B,), int64."""
    keys = np.where(among, rng.random(among.shape), -1.0)
    return np.asarray(keys.argmax(axis=1), np.int64)


class RandomLegal(Agent):
    """Uniform over the legal actions."""

    def __init__(self, mdp: PlanEditMDP, rng: np.random.Generator) -> None:
        self.mdp = mdp
        self.rng = rng

    def act(self, states: PlanStates, deterministic: bool = True) -> NDArray[np.int64]:
        """One action a state, shape (B,), int64."""
        return choose(self.mdp.action_mask(states), self.rng)


class RandomConsistent(Agent):
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


class CheckerGreedy(Agent):
    """One-step lookahead: the action whose successor the checker scores highest, a solved one above all."""

    def __init__(self, mdp: PlanEditMDP, rng: np.random.Generator) -> None:
        self.mdp = mdp
        self.rng = rng

    def act(self, states: PlanStates, deterministic: bool = True) -> NDArray[np.int64]:
        """One action a state, ties broken at random, shape (B,), int64."""
        at_once = max(1, MAX_SUCCESSORS // self.mdp.n_actions)
        starts = range(0, len(states.plans), at_once)
        chunks = [states.at(np.arange(start, min(start + at_once, len(states.plans)))) for start in starts]
        best, judged = zip(*(self._best(chunk) for chunk in chunks), strict=True)
        self.spent = Cost.of(len(states.plans))._replace(checks=np.concatenate(judged))
        return np.concatenate(best)

    def _best(self, states: PlanStates) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """One action a state, and how many successors of each were judged, (B,) both."""
        successors = self.mdp.successors(states)
        checks = successors.transition.checks
        scores = np.full((len(states.plans), self.mdp.n_actions), -np.inf)
        scores[successors.rows, successors.actions] = np.where(checks.solved, np.inf, checks.score)
        judged = np.bincount(successors.rows, minlength=len(scores)).astype(np.int64)
        return choose(scores == scores.max(axis=1, keepdims=True), self.rng), judged
