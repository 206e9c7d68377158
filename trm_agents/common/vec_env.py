"""Gymnasium vector environments for Stable-Baselines3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.vec_env.base_vec_env import VecEnv, VecEnvIndices, VecEnvObs, VecEnvStepReturn

Info = dict[str, Any]

FINAL = frozenset({"final_obs", "_final_obs", "final_info", "_final_info"})
"""Info entries of same-step autoreset: what the episodes that ended ended with."""


class VectorEnvAdapter(VecEnv):
    """A `gymnasium.vector.VectorEnv` as an SB3 `VecEnv`; behaves as `DummyVecEnv` over the same sub-environments.

    `env_method` and `get_attr` look along the chain of vector wrappers first. What they find there is shared: an
    attribute counts for every sub-environment, and a method is called once and its result split by row; `set_state`,
    which takes (state, index), is called once for each index. What is not found there is looked up in the single
    environments, where there are any (`SyncVectorEnv`).

    Args:
        env: any vector environment with same-step autoreset.

    Raises:
        ValueError: the autoreset mode is another one.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        mode = env.metadata.get("autoreset_mode")
        if mode != AutoresetMode.SAME_STEP:
            raise ValueError(
                f"SB3 needs episodes to restart in the step that ends them, but the autoreset mode is {mode}: make the "
                "environment with autoreset_mode=AutoresetMode.SAME_STEP "
                '(gym.make_vec(id, num_envs=n, autoreset_mode="SameStep") for the environments of trm_envs)'
            )
        self.env = env
        self._actions: NDArray[Any] | None = None
        self._begun = False
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)

    def reset(self) -> VecEnvObs:
        """Start all episodes, with the seeds and options set before; both count once.

        Where sub-environments have options of their own, they are reset one after the other, as `reset_mask` allows.
        """
        seeds = None if all(seed is None for seed in self._seeds) else list(self._seeds)
        shared = all(one is self._options[0] or not (one or self._options[0]) for one in self._options)
        if shared or not self._begun:
            # A first reset has to start all of them.
            options = self._options[0] if shared and self._options[0] else None
            observations, info = self.env.reset(seed=seeds, options=options)  # type: ignore[arg-type]
            self.reset_infos = unbatched(info, self.num_envs)
        if not shared:
            for row, one in enumerate(self._options):
                mask = np.arange(self.num_envs) == row
                observations, info = self.env.reset(seed=seeds, options={**one, "reset_mask": mask})  # type: ignore[arg-type]
                self.reset_infos[row] = unbatched(info, self.num_envs)[row]
        self._begun = True
        self._reset_seeds()
        self._reset_options()
        return observations  # type: ignore[no-any-return]

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keep the actions for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Take the step: observations, float32 rewards, ends and one info a sub-environment."""
        observations, rewards, terminated, truncated, info = self.env.step(self._actions)
        infos = unbatched({key: values for key, values in info.items() if key not in FINAL}, self.num_envs)
        dones = np.logical_or(terminated, truncated)
        if dones.any():
            last = unbatched(info["final_info"], self.num_envs)
            for i in np.flatnonzero(dones).tolist():
                self.reset_infos[i] = infos[i]
                infos[i] = {**last[i], "terminal_observation": info["final_obs"][i]}
        for i, one in enumerate(infos):
            one["TimeLimit.truncated"] = bool(truncated[i] and not terminated[i])
        return observations, rewards.astype(np.float32), dones, infos

    def close(self) -> None:
        """Close the vector environment."""
        self.env.close()

    def get_images(self) -> Sequence[NDArray[Any] | None]:
        """One RGB frame a sub-environment."""
        frames: Any = self.env.render()
        return [None] * self.num_envs if frames is None else list(frames)

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """An attribute of each sub-environment; AttributeError where there is none of this name."""
        rows = list(self._get_indices(indices))
        owner = self._owner(attr_name)
        if owner is not None:
            return [getattr(owner, attr_name)] * len(rows)
        return [env.get_wrapper_attr(attr_name) for env in self._single_envs(attr_name, rows)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute; one that the sub-environments share only for all of them.

        Raises:
            ValueError: the attribute is shared and `indices` leaves some sub-environments out.
        """
        rows = list(self._get_indices(indices))
        owner = self._owner(attr_name)
        if owner is None and hasattr(self.env.unwrapped, "envs"):
            for env in self._single_envs(attr_name, rows):
                setattr(env, attr_name, value)
            return
        if set(rows) != set(range(self.num_envs)):
            raise ValueError(f"{attr_name!r} is shared by all sub-environments: it cannot be set for {rows} alone")
        setattr(self.env if owner is None else owner, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> Any:
        """Call a method of each sub-environment; a list of results."""
        rows = list(self._get_indices(indices))
        owner = self._owner(method_name)
        if owner is None:
            envs = self._single_envs(method_name, rows)
            return [env.get_wrapper_attr(method_name)(*method_args, **method_kwargs) for env in envs]
        method = getattr(owner, method_name)
        if method_name == "set_state":
            return [method(*method_args, index=row, **method_kwargs) for row in rows]
        result = method(*method_args, **method_kwargs)
        if isinstance(result, np.ndarray | list | tuple) and len(result) == self.num_envs:
            return [result[row] for row in rows]
        return [result] * len(rows)

    def env_is_wrapped(
        self, wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]], indices: VecEnvIndices = None
    ) -> list[bool]:
        """Whether the vector environment or, where there are any, the single ones are wrapped in this class."""
        rows = list(self._get_indices(indices))
        if any(isinstance(env, wrapper_class) for env in self._chain()):
            return [True] * len(rows)
        envs = getattr(self.env.unwrapped, "envs", None)
        return [envs is not None and _is_wrapped(envs[row], wrapper_class) for row in rows]

    def _chain(self) -> list[Any]:
        """The wrappers from the outside in, and the environment."""
        chain: list[Any] = [self.env]
        while chain[-1] is not self.env.unwrapped:
            chain.append(chain[-1].env)
        return chain

    def _owner(self, name: str) -> Any:
        """The outermost of the chain that has an attribute of this name, or None."""
        return next((env for env in self._chain() if hasattr(env, name)), None)

    def _single_envs(self, name: str, rows: Sequence[int]) -> list[gym.Env[Any, Any]]:
        """The single environments of these rows."""
        envs = getattr(self.env.unwrapped, "envs", None)
        if envs is None:
            raise AttributeError(f"{self.env} has no attribute {name!r}")
        return [envs[row] for row in rows]


def _is_wrapped(env: gym.Env[Any, Any], wrapper_class: type[Any]) -> bool:
    while isinstance(env, gym.Wrapper):
        if isinstance(env, wrapper_class):
            return True
        env = env.env
    return False


def unbatched(info: Info, num_envs: int) -> list[Info]:
    """A vector environment's info as one dict a sub-environment, with what each of them has.

    Arrays of scalars give Python scalars, other arrays their rows.
    """
    infos: list[Info] = [{} for _ in range(num_envs)]
    for key, values in info.items():
        if key.startswith("_") and key[1:] in info:
            continue
        rows: Any = range(num_envs) if f"_{key}" not in info else np.flatnonzero(info[f"_{key}"]).tolist()
        if isinstance(values, dict):
            values = unbatched(values, num_envs)
        elif values.ndim == 1:
            values = values.tolist()
        for row in rows:
            infos[row][key] = values[row]
    return infos


class StatesLostError(RuntimeError):
    """Environments do not say their states: they are closed, their processes are dead, or they fail."""


def states_of_environments(env: VecEnv) -> list[Any] | None:
    """The states of all environments; None where they offer no `get_state`.

    Raises:
        StatesLostError: they do not answer.
    """
    try:
        return env.env_method("get_state") if env.has_attr("get_state") else None
    except Exception as error:
        # Whatever has become of them is the caller's to weigh.
        raise StatesLostError(
            f"the environments do not say their states ({type(error).__name__}: {error}), as after env.close()"
        ) from error
