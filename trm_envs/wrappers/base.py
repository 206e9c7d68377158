"""A plan-editing environment, single or vector, with another form of observation."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.spaces import Observation


def batch_of_one(observation: Observation) -> Observation:
    """One observation as a batch."""
    return {key: np.asarray(value)[None] for key, value in observation.items()}


class PlanEditObservation(gym.ObservationWrapper[NDArray[Any], np.int64, Observation], RecordConstructorArgs):
    """A plan-editing environment with another form of observation."""

    def __init__(self, env: gym.Env[Observation, np.int64]) -> None:
        RecordConstructorArgs.__init__(self)
        super().__init__(env)
        self.mdp: PlanEditMDP = env.get_wrapper_attr("mdp")


class PlanEditVectorObservation(
    VectorWrapper[NDArray[Any], NDArray[np.int64], Observation, NDArray[np.int64], NDArray[Any]]
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
    def _single_space(self) -> spaces.Space[Any]:
        """Space of one observation."""

    @abstractmethod
    def observations(self, observations: Observation) -> NDArray[Any]:
        """A batch of Dict observations in the other form, one a row."""

    def action_masks(self) -> NDArray[np.bool_]:
        """Legal actions, shape (num_envs, n_actions), bool."""
        masks: NDArray[np.bool_] = self.unwrapped.action_masks()  # type: ignore[attr-defined]
        return masks

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[NDArray[Any], dict[str, Any]]:
        """As the environment's, with transformed observations."""
        observations, info = self.env.reset(seed=seed, options=options)
        return self.observations(observations), info

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
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
