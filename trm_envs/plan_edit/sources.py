"""Where episodes get their instances from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trm_envs.plan_edit.task import Grids


class InstanceSource(ABC):
    """Gives one instance an episode.

    A source is stateless unless it overrides more than `sample` and `sample_each`. One that wants to know how episodes
    go (`trm_envs.plan_edit.adaptive`) hands out a ticket with each instance: the environment gives it back exactly
    once, to `report` when the episode ends and to `abandon` when a reset cuts it short, and before it draws again.
    """

    @abstractmethod
    def sample(self, rng: np.random.Generator) -> NDArray[np.int8]:
        """One instance, shape (n_cells,), int8, drawn with `rng` alone."""

    def sample_each(self, rngs: Sequence[np.random.Generator]) -> Grids:
        """One instance from each generator, a new array of shape (len(rngs), n_cells): what `sample` gives."""
        return np.stack([self.sample(rng) for rng in rngs])

    def draw(self, rng: np.random.Generator) -> tuple[NDArray[np.int8], Any]:
        """An instance to play, as `sample` gives it, and its ticket: a picklable value, or None for no report."""
        return self.sample(rng), None

    def draw_each(self, rngs: Sequence[np.random.Generator]) -> tuple[Grids, list[Any] | None]:
        """What `draw` gives for each generator in turn: instances, shape (len(rngs), n_cells), and tickets, if any."""
        return self.sample_each(rngs), None

    def report(self, ticket: Any, solved: bool) -> None:  # noqa: B027  # a stateless source hands out no tickets
        """The episode of this ticket has ended."""

    def abandon(self, ticket: Any) -> None:  # noqa: B027
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
