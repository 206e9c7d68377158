"""Where episodes get their instances from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Generic

import numpy as np
from numpy.typing import DTypeLike, NDArray
from typing_extensions import TypeVar

Number = TypeVar("Number", bound=np.generic, default=np.int8)
"""What an instance is made of: int8 for the grids of puzzles, float64 for the states of systems."""


class InstanceSource(ABC, Generic[Number]):
    """Gives one instance an episode: a flat array of numbers of one type, int8 unless another is named.

    A source is stateless unless it overrides more than `sample` and `sample_each`. One that wants to know how episodes
    go (`trm_envs.instances.adaptive`) hands out a ticket with each instance: the environment gives it back exactly
    once, to `report` when the episode ends and to `abandon` when a reset cuts it short, and before it draws again.
    """

    dtype: np.dtype[Any] = np.dtype(np.int8)
    """Type of the numbers of an instance."""

    @abstractmethod
    def sample(self, rng: np.random.Generator) -> NDArray[Number]:
        """One instance, shape (n,), of the source's dtype, drawn with `rng` alone; n is the task's `n_cells`."""

    def sample_each(self, rngs: Sequence[np.random.Generator]) -> NDArray[Number]:
        """One instance from each generator, a new array of shape (len(rngs), n): what `sample` gives."""
        return np.stack([self.sample(rng) for rng in rngs])

    def draw(self, rng: np.random.Generator) -> tuple[NDArray[Number], Any]:
        """An instance to play, as `sample` gives it, and its ticket: a picklable value, or None for no report."""
        return self.sample(rng), None

    def draw_each(self, rngs: Sequence[np.random.Generator]) -> tuple[NDArray[Number], list[Any] | None]:
        """What `draw` gives for each generator in turn: instances, shape (len(rngs), n), and tickets, if any."""
        return self.sample_each(rngs), None

    def report(self, ticket: Any, solved: bool) -> None:  # a stateless source hands out no tickets
        """The episode of this ticket has ended."""

    def abandon(self, ticket: Any) -> None:
        """The episode of this ticket was cut short: nobody knows how it would have gone."""

    def get_state(self) -> Any:
        """What the source has learned so far, picklable, for `set_state`; None for a stateless source."""
        return None

    def set_state(self, state: Any) -> None:
        """Go on exactly where `get_state` was called.

        Raises:
            ValueError: the state is that of a different kind of source.
        """
        if state is not None:
            raise ValueError("the state comes from a source with curriculum or retry, and this one has neither")

    @property
    def progress(self) -> dict[str, float]:
        """Numbers worth logging; none for a stateless source."""
        return {}


class InstancePool(InstanceSource[Number]):
    """A fixed set of instances, drawn uniformly.

    Args:
        instances: shape (count, n), count >= 1.
        dtype: type of their numbers.

    Raises:
        ValueError: there is no instance.
    """

    def __init__(self, instances: NDArray[Number], dtype: DTypeLike = np.int8) -> None:
        if len(instances) == 0:
            raise ValueError("an instance pool needs at least one instance, got none")
        self.dtype = np.dtype(dtype)
        self.instances: NDArray[Number] = np.ascontiguousarray(instances, self.dtype)

    def __len__(self) -> int:
        return len(self.instances)

    def sample(self, rng: np.random.Generator) -> NDArray[Number]:
        """One instance of the pool, shape (n,)."""
        instance: NDArray[Number] = self.instances[int(rng.random() * len(self.instances))].copy()
        return instance

    def sample_each(self, rngs: Sequence[np.random.Generator]) -> NDArray[Number]:
        """One instance of the pool from each generator, shape (len(rngs), n)."""
        # A uniform float scaled up costs a third of `Generator.integers`.
        return self.instances[[int(rng.random() * len(self.instances)) for rng in rngs]]


class GeneratedInstances(InstanceSource[Number]):
    """A new instance every episode.

    Args:
        generate: (count, rng) -> instances of shape (count, n); a picklable function.
        dtype: type of their numbers.
    """

    def __init__(
        self, generate: Callable[[int, np.random.Generator], NDArray[Number]], dtype: DTypeLike = np.int8
    ) -> None:
        self.generate = generate
        self.dtype = np.dtype(dtype)

    def sample(self, rng: np.random.Generator) -> NDArray[Number]:
        """One new instance, shape (n,)."""
        return np.asarray(self.generate(1, rng)[0])
