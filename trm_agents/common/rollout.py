"""What one iteration collects, and what learning from it took."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Rollout:
    """Fixed-size store of `n_steps` steps of `n_envs` environments, in the order collected.

    All of it is plain arrays: a rollout that a save cuts short continues where it stopped.
    """

    def __init__(self, n_steps: int, n_envs: int) -> None:
        self.n_steps = n_steps
        self.n_envs = n_envs
        self.position = 0
        self.observations: dict[str, NDArray[Any]] = {}
        shape = (n_steps, n_envs)
        self.actions = np.zeros(shape, np.int64)
        self.rewards = np.zeros(shape, np.float64)
        self.terminated = np.zeros(shape, np.bool_)
        self.truncated = np.zeros(shape, np.bool_)
        self.truncation_values = np.zeros(shape, np.float64)

    @property
    def full(self) -> bool:
        """Whether no further step fits."""
        return self.position == self.n_steps

    def add(
        self,
        observation: dict[str, NDArray[Any]],
        actions: NDArray[np.int64],
        rewards: NDArray[np.floating[Any]],
        terminated: NDArray[np.bool_],
        truncated: NDArray[np.bool_],
        truncation_values: NDArray[np.float64],
    ) -> None:
        """Store one step of every environment; rewards as float32, which some vector environments give already."""
        t = self.position
        for key, value in observation.items():
            if key not in self.observations:
                self.observations[key] = np.zeros((self.n_steps, *value.shape), value.dtype)
            self.observations[key][t] = value
        self.actions[t] = actions
        self.rewards[t] = np.asarray(rewards, np.float32)
        self.terminated[t] = terminated
        self.truncated[t] = truncated
        self.truncation_values[t] = truncation_values
        self.position += 1

    def clear(self) -> None:
        """Make room for the next iteration."""
        self.position = 0

    def flat(self, array: NDArray[Any]) -> NDArray[Any]:
        """(n_steps, n_envs, ...) -> (n_steps * n_envs, ...)."""
        return array.reshape(self.n_steps * self.n_envs, *array.shape[2:])


class Update(NamedTuple):
    """What learning from a rollout took and said."""

    gradient_steps: int
    queries: int
    """Plans that were asked about through the model."""
    log: dict[str, float]
    """What is logged, by name."""
