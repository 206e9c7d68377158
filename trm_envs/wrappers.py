"""Flat observations for networks that take a vector; each carries exactly what the Dict observation says.

The functions work on a batch, so that evaluators can use them too. `OneHotObservation` and `FlatObservation` wrap a
single environment, `OneHotVectorObservation` and `FlatVectorObservation` a vector environment in any autoreset mode.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, cast

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.spaces import Observation, states_of

Vector = NDArray[np.float32]


def one_hot(observation: Observation, mdp: PlanEditMDP) -> Vector:
    """A batch of B observations as vectors in [0, 1], shape (B, D), float32.

    Cell by cell the instance's symbol one-hot (blank included), then the plan's, then edits left over `max_edits`:
    D = n_cells * (instance_high + 1 + plan_high + 1) + 1.
    """
    states = states_of(observation)
    batch, task = len(states.plans), mdp.task
    instances = np.eye(task.instance_high + 1, dtype=np.float32)[states.instances].reshape(batch, -1)
    plans = np.eye(task.plan_high + 1, dtype=np.float32)[states.plans].reshape(batch, -1)
    return np.concatenate([instances, plans, _edits_left(states.remaining_edits, mdp)], axis=1)


def flat(observation: Observation, mdp: PlanEditMDP) -> Vector:
    """A batch of B observations as vectors in [0, 1], shape (B, 2 * n_cells + 1), float32.

    The instance over its largest value, then the plan over its own, then edits left over `max_edits`.
    """
    states = states_of(observation)
    instances = states.instances.astype(np.float32) / mdp.task.instance_high
    plans = states.plans.astype(np.float32) / mdp.task.plan_high
    return np.concatenate([instances, plans, _edits_left(states.remaining_edits, mdp)], axis=1)


def _edits_left(remaining_edits: NDArray[np.int32], mdp: PlanEditMDP) -> Vector:
    return (remaining_edits[:, None] / mdp.max_edits).astype(np.float32)


def _flat_space(mdp: PlanEditMDP) -> spaces.Space[Vector]:
    return _unit_box(2 * mdp.task.n_cells + 1)


def _one_hot_space(mdp: PlanEditMDP) -> spaces.Space[Vector]:
    return _unit_box(mdp.task.n_cells * (mdp.task.instance_high + mdp.task.plan_high + 2) + 1)


def _unit_box(width: int) -> spaces.Space[Vector]:
    # Gymnasium types the elements of a Box as arrays of any dtype.
    return cast("spaces.Space[Vector]", spaces.Box(0.0, 1.0, (width,), np.float32))


def _batch_of_one(observation: Observation) -> Observation:
    return {key: np.asarray(value)[None] for key, value in observation.items()}


class _PlanEditObservation(gym.ObservationWrapper[Vector, np.int64, Observation], RecordConstructorArgs):
    """A plan-editing environment with another form of observation."""

    def __init__(self, env: gym.Env[Observation, np.int64]) -> None:
        RecordConstructorArgs.__init__(self)
        super().__init__(env)
        self.mdp: PlanEditMDP = env.get_wrapper_attr("mdp")


class OneHotObservation(_PlanEditObservation):
    """Observations of a plan-editing environment as `one_hot` vectors, shape (D,), float32."""

    def __init__(self, env: gym.Env[Observation, np.int64]) -> None:
        super().__init__(env)
        self.observation_space = _one_hot_space(self.mdp)

    def observation(self, observation: Observation) -> Vector:
        """One Dict observation as a vector."""
        return np.asarray(one_hot(_batch_of_one(observation), self.mdp)[0])


class FlatObservation(_PlanEditObservation):
    """Observations of a plan-editing environment as `flat` vectors, shape (2 * n_cells + 1,), float32."""

    def __init__(self, env: gym.Env[Observation, np.int64]) -> None:
        super().__init__(env)
        self.observation_space = _flat_space(self.mdp)

    def observation(self, observation: Observation) -> Vector:
        """One Dict observation as a vector."""
        return np.asarray(flat(_batch_of_one(observation), self.mdp)[0])


class _PlanEditVectorObservation(
    VectorWrapper[Vector, NDArray[np.int64], Observation, NDArray[np.int64], NDArray[Any]]
):
    """A plan-editing vector environment with another form of observation.

    Gymnasium's `VectorObservationWrapper` refuses same-step autoreset, since it leaves `final_obs` as it was; here the
    last observations are transformed as well.
    """

    def __init__(self, env: VectorEnv[Observation, NDArray[np.int64], NDArray[Any]]) -> None:
        super().__init__(env)
        self.mdp: PlanEditMDP = env.unwrapped.mdp  # type: ignore[attr-defined]
        self.single_observation_space = self._single_space()
        self.observation_space = batch_space(self.single_observation_space, env.num_envs)

    @abstractmethod
    def _single_space(self) -> spaces.Space[Vector]:
        """Space of one observation."""

    @abstractmethod
    def observations(self, observations: Observation) -> Vector:
        """A batch of Dict observations as vectors, one a row."""

    def action_masks(self) -> NDArray[np.bool_]:
        """Legal actions, shape (num_envs, n_actions), bool."""
        masks: NDArray[np.bool_] = self.unwrapped.action_masks()  # type: ignore[attr-defined]
        return masks

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Vector, dict[str, Any]]:
        """As the environment's, with transformed observations."""
        observations, info = self.env.reset(seed=seed, options=options)
        return self.observations(observations), info

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[Vector, NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """As the environment's, with transformed observations, last ones (`final_obs`) included."""
        observations, rewards, terminated, truncated, info = self.env.step(actions)
        if "final_obs" in info:
            rows = np.flatnonzero(info["_final_obs"])
            last = [info["final_obs"][row] for row in rows]
            batch = self.observations({key: np.stack([one[key] for one in last]) for key in last[0]})
            final_obs = np.full(self.num_envs, None, dtype=object)
            for row, vector in zip(rows, batch, strict=True):
                final_obs[row] = vector
            info = {**info, "final_obs": final_obs}
        return self.observations(observations), rewards, terminated, truncated, info


class OneHotVectorObservation(_PlanEditVectorObservation):
    """Observations of a plan-editing vector environment as `one_hot` vectors, shape (num_envs, D), float32."""

    def _single_space(self) -> spaces.Space[Vector]:
        return _one_hot_space(self.mdp)

    def observations(self, observations: Observation) -> Vector:
        """A batch of Dict observations as vectors, one a row."""
        return one_hot(observations, self.mdp)


class FlatVectorObservation(_PlanEditVectorObservation):
    """Observations of a plan-editing vector environment as `flat` vectors, shape (num_envs, 2 * n_cells + 1)."""

    def _single_space(self) -> spaces.Space[Vector]:
        return _flat_space(self.mdp)

    def observations(self, observations: Observation) -> Vector:
        """A batch of Dict observations as vectors, one a row."""
        return flat(observations, self.mdp)
