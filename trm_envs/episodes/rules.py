"""What an environment must know of the episodes that it plays: `Rules`, batched pure functions over states."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, NamedTuple, TypeVar, cast

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

States = TypeVar("States", bound=tuple[NDArray[Any], ...])
"""A batch of states: a NamedTuple of arrays whose first axis is the batch."""
Checks = TypeVar("Checks", bound=tuple[NDArray[Any], ...])
"""What a checker says of a batch of states: a NamedTuple of the same kind."""
Batch = TypeVar("Batch", bound=tuple[NDArray[Any], ...])

Observation = Any
"""An array, or a dict of arrays: one state, or a batch of them."""


class Outcome(NamedTuple, Generic[States, Checks]):
    """What one action in each state of a batch leads to."""

    states: States
    """The successors."""
    checks: Checks
    """The checker on the successors."""
    rewards: NDArray[np.float64]
    """Shape (B,)."""
    terminated: NDArray[np.bool_]
    """Shape (B,)."""
    event: NDArray[np.bool_]
    """Shape (B,). What `Rules.information` tells of the action itself: that it was invalid, or was accepted."""


class Rules(ABC, Generic[States, Checks]):
    """An MDP, its spaces, and how its states are told; a picklable object without state of its own."""

    observation_space: spaces.Space[Any]
    """Of one episode."""
    action_space: spaces.Space[Any]
    """Of one episode."""

    @abstractmethod
    def initial(self, instances: NDArray[Any]) -> States:
        """First states of episodes on these instances, shape (B, n).

        Raises:
            ValueError: an instance leaves nothing to do.
        """

    @abstractmethod
    def check(self, states: States) -> Checks:
        """The checker on these states."""

    @abstractmethod
    def transition(self, states: States, actions: NDArray[Any], checks: Checks) -> Outcome[States, Checks]:
        """Apply one action in each state, given the checker's word on these states."""

    @abstractmethod
    def solved(self, checks: Checks) -> NDArray[np.bool_]:
        """Whether an episode that ends here has succeeded, shape (B,)."""

    @abstractmethod
    def observe(self, states: States, checks: Checks) -> Observation:
        """Observations of a batch of states; arrays of their own, so that no later step changes them."""

    @abstractmethod
    def information(self, states: States, checks: Checks, event: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
        """The `info` entries of a batch of states, one array each, of their own."""

    @abstractmethod
    def read_actions(self, actions: Any, batch: int | None) -> NDArray[Any]:
        """Actions that a user hands over, as the batch that `transition` takes.

        Args:
            actions: one action (`batch` None) or a batch of them.
            batch: how many there must be.

        Raises:
            TypeError: they are not numbers of the right kind.
            InvalidAction: they have another shape, or lie outside the action space.
        """

    @abstractmethod
    def read_instance(self, options: dict[str, Any] | None) -> NDArray[Any] | None:
        """The instance named by reset's `options`, validated, or None.

        Raises:
            ValueError: an unknown option, or an instance that is none.
        """

    def read_instances(self, options: dict[str, Any], rows: NDArray[np.bool_]) -> NDArray[Any] | None:
        """The instances named by reset's `options`, one for each of the `rows` that begin, or None.

        By default the one that `read_instance` reads, for all of them; shape (rows.sum(), n).

        Raises:
            ValueError: as `read_instance`.
        """
        instance = self.read_instance(options)
        return None if instance is None else np.repeat(instance[None], rows.sum(), axis=0)

    @abstractmethod
    def render(self, states: States, mode: str) -> Any:
        """A batch of one state as text (`ansi`) or as an RGB image of shape (height, width, 3) (`rgb_array`)."""


def rows_of(batch: Batch, rows: NDArray[Any] | slice) -> Batch:
    """The rows of a batch."""
    return cast(Batch, type(batch)._make(values[rows] for values in batch))  # type: ignore[attr-defined]


def row_of(observation: Observation, row: int) -> Observation:
    """One observation of a batch."""
    if isinstance(observation, dict):
        return {key: values[row] for key, values in observation.items()}
    return observation[row]
