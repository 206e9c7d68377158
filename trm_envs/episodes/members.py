"""The single environments that a vector environment stands for, and checks of what it is handed for each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from math import inf
from typing import Any

import numpy as np
from gymnasium.envs.registration import EnvSpec
from numpy.typing import NDArray

from trm_envs.episodes.env import EpisodeEnv
from trm_envs.instances.numbers import whole

SHARED = ("source", "render_mode")
"""Attributes of which sub-environments have one together."""

BUILT_IN = ("rules", "mdp", "task")
"""Attributes that their spaces are made from."""

OF_VECTORS = ("num_envs", "vectorization_mode", "vector_kwargs", "wrappers", "autoreset_mode", "max_episode_steps")
"""Keywords that a single environment does not take."""


class Members:
    """Single environments to call; each takes over its row's episode for as long as a call lasts.

    Attributes that are set on them stay, since they live as long as this.

    Args:
        envs: one a row.
        lent: (row, its environment) -> an iterator that puts the row's episode into it, yields, and takes it back.
    """

    def __init__(
        self, envs: Sequence[EpisodeEnv[Any, Any]], lent: Callable[[int, EpisodeEnv[Any, Any]], Iterator[None]]
    ) -> None:
        self._envs = envs
        self._lent = lent

    def call(self, name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """What a method or attribute of each of them gives.

        Raises:
            AttributeError: they have none of this name.
        """

        def one(row: int, env: EpisodeEnv[Any, Any]) -> Any:
            found = env.get_wrapper_attr(name)
            return found(*args, **kwargs) if callable(found) else found

        return tuple(self._with(row, one) for row in range(len(self._envs)))

    def set_attr(self, name: str, values: Sequence[Any]) -> None:
        """Set an attribute of each of them."""
        for row in range(len(self._envs)):
            self._with(row, lambda row, env: env.set_wrapper_attr(name, values[row]))

    def _with(self, row: int, act: Callable[[int, EpisodeEnv[Any, Any]], Any]) -> Any:
        env = self._envs[row]
        turn = self._lent(row, env)
        next(turn)
        try:
            return act(row, env)
        finally:
            next(turn, None)


def single_spec(spec: EnvSpec | None, max_episode_steps: int | None) -> EnvSpec | None:
    """The spec of one sub-environment, from that of the vector environment."""
    if spec is None:
        return None
    single = deepcopy(spec)
    single.kwargs = {key: value for key, value in single.kwargs.items() if key not in OF_VECTORS}
    single.max_episode_steps = max_episode_steps
    return single


def checked_values(name: str, values: Any, count: int) -> list[Any]:
    """One value of an attribute for each sub-environment; a list or tuple has one each.

    Raises:
        ValueError: there are more or fewer, different ones of a `SHARED` attribute, or it is one of `BUILT_IN`.
    """
    if name in BUILT_IN:
        raise ValueError(f"{name!r} is what the spaces are made from: make another environment")
    each = list(values) if isinstance(values, list | tuple) else [values] * count
    if len(each) != count:
        raise ValueError(f"values must be one, or a list of {count}, got {len(each)} for {name!r}")
    if name in SHARED and any(value is not each[0] for value in each):
        raise ValueError(f"{name!r} is shared by all sub-environments: give one value for all of them")
    return each


def checked_seeds(seed: Any, count: int) -> Sequence[int | None]:
    """One seed or None for each sub-environment: `seed + i`, or those of a sequence.

    Raises:
        TypeError: it is no integer and no sequence.
        ValueError: there are more or fewer seeds, or one is no whole number.
    """
    if seed is None:
        return [None] * count
    if isinstance(seed, int | np.integer) and not isinstance(seed, bool):
        return [whole("seed", seed, 0, inf) + i for i in range(count)]
    if not isinstance(seed, Sequence | np.ndarray) or isinstance(seed, str | bytes) or np.ndim(seed) == 0:
        raise TypeError(f"seed must be an integer, a sequence of {count} of them, or None, got {seed!r}")
    if len(seed) != count:
        raise ValueError(f"got {len(seed)} seeds for {count} environments")
    return [None if each is None else whole(f"seed[{i}]", each, 0) for i, each in enumerate(seed)]


def checked_mask(mask: Any, count: int) -> NDArray[np.bool_]:
    """Which sub-environments a reset mask selects, shape (count,); None means all.

    Raises:
        TypeError: it is no array of bool.
        ValueError: it has another shape, or selects none.
    """
    if mask is None:
        return np.ones(count, np.bool_)
    wanted = f"options['reset_mask'] must be a bool array of shape ({count},)"
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
        raise TypeError(f"{wanted}, got {mask!r}: make it with np.array(mask, dtype=bool)")
    if mask.shape != (count,):
        raise ValueError(f"{wanted}, got the shape {mask.shape}")
    if not mask.any():
        raise ValueError("options['reset_mask'] must select at least one environment")
    return mask
