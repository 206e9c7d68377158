"""The evaluation protocol: every instance of a pool exactly once, with randomness of the evaluator's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from baselines import Agent, Line, Method, Space, Unroll
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.task import Grids

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

    from trm_agents.solving import Guesser, Proposer

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

    def make(
        self,
        name: str,
        env_id: str,
        env_kwargs: Mapping[str, Any],
        seed: int | None,
        *,
        settings: Mapping[str, Any] = ...,
    ) -> BaseAlgorithm:
        """A new model."""

    def load(self, name: str, path: str, env_id: str, env_kwargs: Mapping[str, Any]) -> BaseAlgorithm:
        """A saved model."""

    def carry_over(
        self, name: str, model: BaseAlgorithm, env_id: str, env_kwargs: Mapping[str, Any], seed: int | None = ...
    ) -> BaseAlgorithm:
        """A model on another environment, with the weights that it has and what it has cost."""

    def agent_of(
        self,
        name: str,
        model: BaseAlgorithm,
        mdp: PlanEditMDP,
        rng: np.random.Generator,
        unroll: Unroll | None = None,
        tolerance: float = ...,
    ) -> Agent:
        """The agent of a model."""

    def proposer_of(self, name: str, model: BaseAlgorithm, mdp: PlanEditMDP, unroll: int | None = None) -> Proposer:
        """What guides a search with a model."""

    def guesser_of(self, model: BaseAlgorithm, mdp: PlanEditMDP) -> Guesser | None:
        """What guesses whole plans in such a search."""

    def line(self, name: str, mdp: PlanEditMDP, rng: np.random.Generator) -> Agent:
        """The agent of a reference line."""

    def gradient_steps(self, model: BaseAlgorithm) -> int:
        """Optimiser steps made."""

    def parameters(self, model: BaseAlgorithm) -> int:
        """Parameters that the optimiser trains."""

    def model_queries(self, model: BaseAlgorithm) -> int:
        """Successors enumerated through the MDP."""


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
    if len(instances) == 0:
        raise ValueError("there is no instance to evaluate on")
    parts = [
        _play(agent, mdp, instances[start : start + BATCH], deterministic) for start in range(0, len(instances), BATCH)
    ]
    return Result(*(np.concatenate(fields) for fields in zip(*parts, strict=True)))


def _play(
    agent: Agent, mdp: PlanEditMDP, instances: Grids, deterministic: bool
) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """The fields of `Result` of one batch; episodes that have ended leave it."""
    solved = np.zeros(len(instances), np.bool_)
    edits = np.zeros(len(instances), np.int64)
    returns = np.zeros(len(instances))
    alive = np.arange(len(instances))
    states, discount = mdp.initial(instances), 1.0
    agent.begin()
    scores = mdp.check(states).score
    while len(alive):
        transition = mdp.transition(states, agent.act(states, deterministic))
        edits[alive] += 1
        returns[alive] += discount * transition.rewards
        solved[alive] = transition.checks.solved
        scores[alive] = np.maximum(scores[alive], transition.checks.score)
        discount *= mdp.gamma
        going = np.flatnonzero(~transition.terminated)
        alive, states = alive[going], transition.successors.at(going)
        agent.keep(going)
    return solved, edits, returns, scores
