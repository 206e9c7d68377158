"""Flat observations for networks that take a vector; each carries exactly what the Dict observation says.

The functions work on a batch, so that evaluators can use them too. `OneHotObservation` and `FlatObservation` wrap a
single environment, `OneHotVectorObservation` and `FlatVectorObservation` a vector environment in any autoreset mode.
"""

from __future__ import annotations

from typing import cast

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.spaces import Observation, states_of
from trm_envs.wrappers.base import PlanEditObservation, PlanEditVectorObservation, batch_of_one

Vector = NDArray[np.float32]


def one_hot(observation: Observation, mdp: PlanEditMDP) -> Vector:
    """A batch of B observations as vectors in [0, 1], shape (B, D), float32.

    Cell by cell the instance's symbol one-hot (blank included), then the plan's, then edits left over `max_edits`:
    D = n_instance_cells * (instance_high + 1) + n_cells * (plan_high + 1) + 1.
    """
    states = states_of(observation)
    batch, task = len(states.plans), mdp.task
    instances = np.eye(task.instance_high + 1, dtype=np.float32)[states.instances].reshape(batch, -1)
    plans = np.eye(task.plan_high + 1, dtype=np.float32)[states.plans].reshape(batch, -1)
    return np.concatenate([instances, plans, edits_left(states.remaining_edits, mdp)], axis=1)


def flat(observation: Observation, mdp: PlanEditMDP) -> Vector:
    """A batch of B observations as vectors in [0, 1], shape (B, n_instance_cells + n_cells + 1), float32.

    The instance over its largest value, then the plan over its own, then edits left over `max_edits`.
    """
    states = states_of(observation)
    instances = states.instances.astype(np.float32) / mdp.task.instance_high
    plans = states.plans.astype(np.float32) / mdp.task.plan_high
    return np.concatenate([instances, plans, edits_left(states.remaining_edits, mdp)], axis=1)


def edits_left(remaining_edits: NDArray[np.int32], mdp: PlanEditMDP) -> Vector:
    """Edits left over `max_edits`, shape (B, 1)."""
    return (remaining_edits[:, None] / mdp.max_edits).astype(np.float32)


def _flat_space(mdp: PlanEditMDP) -> spaces.Space[Vector]:
    return _unit_box(mdp.task.n_instance_cells + mdp.task.n_cells + 1)


def _one_hot_space(mdp: PlanEditMDP) -> spaces.Space[Vector]:
    task = mdp.task
    return _unit_box(task.n_instance_cells * (task.instance_high + 1) + task.n_cells * (task.plan_high + 1) + 1)


def _unit_box(width: int) -> spaces.Space[Vector]:
    # Gymnasium types the elements of a Box as arrays of any dtype.
    return cast("spaces.Space[Vector]", spaces.Box(0.0, 1.0, (width,), np.float32))


class OneHotObservation(PlanEditObservation):
    """Observations of a plan-editing environment as `one_hot` vectors, shape (D,), float32."""

    def __init__(self, env: gym.Env[Observation, np.int64]) -> None:
        super().__init__(env)
        self.observation_space = _one_hot_space(self.mdp)

    def observation(self, observation: Observation) -> Vector:
        """One Dict observation as a vector."""
        return np.asarray(one_hot(batch_of_one(observation), self.mdp)[0])


class FlatObservation(PlanEditObservation):
    """Observations of a plan-editing environment as `flat` vectors, shape (2 * n_cells + 1,), float32."""

    def __init__(self, env: gym.Env[Observation, np.int64]) -> None:
        super().__init__(env)
        self.observation_space = _flat_space(self.mdp)

    def observation(self, observation: Observation) -> Vector:
        """One Dict observation as a vector."""
        return np.asarray(flat(batch_of_one(observation), self.mdp)[0])


class OneHotVectorObservation(PlanEditVectorObservation):
    """Observations of a plan-editing vector environment as `one_hot` vectors, shape (num_envs, D), float32."""

    def _single_space(self) -> spaces.Space[Vector]:
        return _one_hot_space(self.mdp)

    def observations(self, observations: Observation) -> Vector:
        """A batch of Dict observations as vectors, one a row."""
        return one_hot(observations, self.mdp)


class FlatVectorObservation(PlanEditVectorObservation):
    """Observations of a plan-editing vector environment as `flat` vectors, shape (num_envs, 2 * n_cells + 1)."""

    def _single_space(self) -> spaces.Space[Vector]:
        return _flat_space(self.mdp)

    def observations(self, observations: Observation) -> Vector:
        """A batch of Dict observations as vectors, one a row."""
        return flat(observations, self.mdp)
