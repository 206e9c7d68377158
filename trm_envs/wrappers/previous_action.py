"""Observations that tell the action before: for policies that are conditioned on it."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

KEY = "previous_action"
"""The key of the action in the Dict."""


def _space(env_space: spaces.Space[Any], n_actions: int) -> spaces.Dict:
    """The entries of a Dict space, or any other space as `observation`, and the action before."""
    parts = dict(env_space.spaces) if isinstance(env_space, spaces.Dict) else {"observation": env_space}
    return spaces.Dict({**parts, KEY: spaces.Discrete(n_actions + 1)})


def _with_action(observation: Any, action: Any) -> dict[str, Any]:
    parts = observation if isinstance(observation, dict) else {"observation": observation}
    return {**parts, KEY: action}


class PreviousActionObservation(gym.Wrapper[dict[str, Any], np.int64, Any, np.int64], RecordConstructorArgs):
    """Adds `previous_action`, `Discrete(n_actions + 1)`, to the observation; n_actions stands for "none yet".

    A Dict observation gets one key more, any other becomes the key `observation` of a Dict.

    Args:
        env: an environment with a `Discrete` action space that starts at 0.

    Raises:
        ValueError: it has another one.
    """

    def __init__(self, env: gym.Env[Any, np.int64]) -> None:
        RecordConstructorArgs.__init__(self)
        super().__init__(env)
        self.none = _n_actions(env.action_space)
        self.observation_space = _space(env.observation_space, self.none)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict[str, Any], Any]:
        """As the environment's; no action came before."""
        observation, info = self.env.reset(seed=seed, options=options)
        return _with_action(observation, np.int64(self.none)), info

    def step(self, action: np.int64) -> tuple[dict[str, Any], Any, bool, bool, dict[str, Any]]:
        """As the environment's, with this action."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return _with_action(observation, np.int64(action)), reward, terminated, truncated, info


class PreviousActionVectorObservation(
    VectorWrapper[dict[str, Any], NDArray[np.int64], Any, NDArray[np.int64], NDArray[Any]]
):
    """`PreviousActionObservation` of a vector environment, in any autoreset mode.

    An episode that begins has no action before, also where autoreset began it.

    Args:
        env: a vector environment with a `Discrete` action space that starts at 0.

    Raises:
        ValueError: it has another one.
    """

    def __init__(self, env: VectorEnv[Any, NDArray[np.int64], NDArray[Any]]) -> None:
        super().__init__(env)
        self.none = _n_actions(env.single_action_space)
        self.single_observation_space = _space(env.single_observation_space, self.none)
        self.observation_space = batch_space(self.single_observation_space, env.num_envs)
        self._previous = np.full(env.num_envs, self.none, np.int64)
        self._ended = np.zeros(env.num_envs, np.bool_)

    def action_masks(self) -> NDArray[np.bool_]:
        """Legal actions, shape (num_envs, n_actions), bool."""
        masks: NDArray[np.bool_] = self.unwrapped.action_masks()  # type: ignore[attr-defined]
        return masks

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[dict[str, Any], Any]:
        """As the environment's; where episodes begin, no action came before."""
        # The environment takes the mask out of the options.
        begun = np.array((options or {}).get("reset_mask", np.ones(self.num_envs, np.bool_)))
        observations, info = self.env.reset(seed=seed, options=options)
        self._previous[begun], self._ended[begun] = self.none, False
        return _with_action(observations, self._previous.copy()), info

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[dict[str, Any], NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """As the environment's, with these actions, also in the last observations (`final_obs`)."""
        observations, rewards, terminated, truncated, info = self.env.step(actions)
        ended = terminated | truncated
        mode = self.env.metadata.get("autoreset_mode")
        # Same-step autoreset begins an episode in the step that ends one, next-step autoreset in the one after that.
        begun = ended if mode == AutoresetMode.SAME_STEP else self._ended
        self._previous = np.where(begun, self.none, actions).astype(np.int64)
        self._ended = ended if mode == AutoresetMode.NEXT_STEP else np.zeros_like(ended)
        if "final_obs" in info:
            last = info["final_obs"].copy()
            for row in np.flatnonzero(info["_final_obs"]):
                last[row] = _with_action(last[row], np.int64(actions[row]))
            info = {**info, "final_obs": last}
        return _with_action(observations, self._previous.copy()), rewards, terminated, truncated, info


def _n_actions(space: spaces.Space[Any]) -> int:
    if not isinstance(space, spaces.Discrete) or space.start != 0:
        raise ValueError(f"the action before is told for Discrete action spaces that start at 0, not for {space}")
    return int(space.n)
