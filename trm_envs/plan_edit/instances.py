"""Where episodes get their instances from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from trm_envs.plan_edit.task import Grids


class InstanceSource(ABC):
    """Gives one instance an episode."""

    @abstractmethod
    def sample(self, rng: np.random.Generator) -> NDArray[np.int8]:
        """One instance, shape (n_cells,), int8, drawn with `rng` alone."""

    def sample_each(self, rngs: Sequence[np.random.Generator]) -> Grids:
        """One instance from each generator, a new array of shape (len(rngs), n_cells): what `sample` gives."""
        return np.stack([self.sample(rng) for rng in rngs])


class InstancePool(InstanceSource):
    """A fixed set of instances, drawn uniformly.

    Args:
        instances: shape (n, n_cells), int8, n >= 1.

    Raises:
        ValueError: there is no instance.
    """

    def __init__(self, instances: Grids) -> None:
        if len(instances) == 0:
            raise ValueError("an instance pool needs at least one instance, got none")
        self.instances = np.ascontiguousarray(instances, np.int8)

    def __len__(self) -> int:
        return len(self.instances)

    def sample(self, rng: np.random.Generator) -> NDArray[np.int8]:
        """One instance of the pool, shape (n_cells,)."""
        instance: NDArray[np.int8] = self.instances[int(rng.random() * len(self.instances))].copy()
        return instance

    def sample_each(self, rngs: Sequence[np.random.Generator]) -> Grids:
        """One instance of the pool from each generator, shape (len(rngs), n_cells)."""
        # A uniform float scaled up costs a third of `Generator.integers`.
        return self.instances[[int(rng.random() * len(self.instances)) for rng in rngs]]


class GeneratedInstances(InstanceSource):
    """A new instance every episode.

    Args:
        generate: (count, rng) -> instances of shape (count, n_cells); a picklable function.
    """

    def __init__(self, generate: Callable[[int, np.random.Generator], Grids]) -> None:
        self.generate = generate

    def sample(self, rng: np.random.Generator) -> NDArray[np.int8]:
        """One new instance, shape (n_cells,)."""
        return np.asarray(self.generate(1, rng)[0])
