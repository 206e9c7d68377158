"""Where episodes get their instances from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from trm_envs.plan_edit.task import Grids


class InstanceSource(Protocol):
    """Gives one instance an episode."""

    def sample(self, rng: np.random.Generator) -> NDArray[np.int8]:
        """One instance, shape (n_cells,), int8, drawn with `rng` alone."""
        ...


class InstancePool:
    """A fixed set of instances, drawn uniformly.

    Args:
        instances: shape (n, n_cells), int8, n >= 1.

    Raises:
        ValueError: there is no instance.
    """

    def __init__(self, instances: Grids) -> None:
        if len(instances) == 0:
            raise ValueError("an instance pool needs at least one instance, got none")
        self.instances = instances

    def __len__(self) -> int:
        return len(self.instances)

    def sample(self, rng: np.random.Generator) -> NDArray[np.int8]:
        """One instance of the pool, shape (n_cells,)."""
        return np.asarray(self.instances[rng.integers(len(self.instances))])


class GeneratedInstances:
    """A new instance every episode.

    Args:
        generate: (count, rng) -> instances of shape (count, n_cells); a picklable function.
    """

    def __init__(self, generate: Callable[[int, np.random.Generator], Grids]) -> None:
        self.generate = generate

    def sample(self, rng: np.random.Generator) -> NDArray[np.int8]:
        """One new instance, shape (n_cells,)."""
        return np.asarray(self.generate(1, rng)[0])
