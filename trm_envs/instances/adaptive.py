"""Instance sources that learn from how episodes end: a curriculum over difficulty and a queue of failed instances."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trm_envs.instances.numbers import share, whole
from trm_envs.instances.sources import InstanceSource, Number

PATIENCE = 100
"""A curriculum waits for its oldest open try until this many windows of later tries wait behind it."""


class AdaptiveSource(InstanceSource[Number]):
    """A source that hands out tickets; one that only `sample`s from it leaves no trace."""

    @abstractmethod
    def draw(self, rng: np.random.Generator) -> tuple[NDArray[Number], Any]:
        """An instance to play, shape (n,), a new array, and its ticket, or None for no report."""

    @abstractmethod
    def report(self, ticket: Any, solved: bool) -> None:
        """The episode of this ticket has ended."""

    @abstractmethod
    def abandon(self, ticket: Any) -> None:
        """The episode of this ticket was cut short: nobody knows how it would have gone."""

    @abstractmethod
    def get_state(self) -> Any:
        """What the source has learned so far, picklable and of its own, for `set_state`."""

    @abstractmethod
    def set_state(self, state: Any) -> None:
        """Go on exactly where `get_state` was called."""

    def sample(self, rng: np.random.Generator) -> NDArray[Number]:
        """One instance, shape (n,)."""
        instance, ticket = self.draw(rng)
        if ticket is not None:
            self.abandon(ticket)
        return instance

    def draw_each(self, rngs: Sequence[np.random.Generator]) -> tuple[NDArray[Number], list[Any] | None]:
        """What `draw` gives for each generator in turn: instances, shape (len(rngs), n), and tickets."""
        instances, tickets = zip(*[self.draw(rng) for rng in rngs], strict=True)
        return np.stack(instances), list(tickets)


class Curriculum(AdaptiveSource[Number]):
    """Stages from easy to hard; the next one begins when the present one is mastered.

    A stage is mastered when, of its last `window` tries (at least half as many), a share of more than `threshold` was
    solved. Tries are looked at in the order in which they *began*: episodes that fail last longest, so that many
    sub-environments would otherwise have ended their solved episodes, and moved on, before the first failure is known.
    Reviews of the stage before, and tries begun before the present stage, do not count. The last stage stays.

    Args:
        stages: sources of instances, easy to hard.
        threshold: share of solved tries that must be exceeded, within [0, 1].
        window: number of tries looked back on.
        review: probability that an episode takes an instance of the stage before.

    Raises:
        ValueError: there is no stage, a stage is adaptive itself, or a number is outside its range.
    """

    def __init__(
        self,
        stages: Sequence[InstanceSource[Number]],
        *,
        threshold: float = 0.8,
        window: int = 200,
        review: float = 0.1,
    ) -> None:
        if len(stages) == 0:
            raise ValueError("a curriculum needs at least one stage, got none")
        if any(isinstance(stage, AdaptiveSource) for stage in stages):
            raise ValueError("the stages of a curriculum cannot adapt themselves: wrap the whole curriculum in Retry")
        self.stages = tuple(stages)
        self.dtype = self.stages[0].dtype
        self.threshold = share("threshold", threshold)
        self.window = whole("window", window, 1)
        self.review = share("review", review)
        self.stage = 0
        """Index of the present stage."""
        self._next_ticket = 0
        # Tries of this stage that are not in the window yet, in the order in which they began; None: not ended.
        self._open: OrderedDict[int, bool | None] = OrderedDict()
        self._window: deque[bool] = deque(maxlen=self.window)

    def draw(self, rng: np.random.Generator) -> tuple[NDArray[Number], int | None]:
        """An instance of the present stage and its ticket, or one of the stage before and None."""
        if self.stage > 0 and rng.random() < self.review:
            return self.stages[self.stage - 1].sample(rng), None
        instance, ticket = self.stages[self.stage].sample(rng), self._next_ticket
        self._open[ticket] = None
        self._next_ticket += 1
        return instance, ticket

    def report(self, ticket: int, solved: bool) -> None:
        """Count a try, and move on to the next stage if that makes this one mastered."""
        if ticket in self._open:
            self._open[ticket] = bool(solved)
            self._settle()

    def abandon(self, ticket: int) -> None:
        """Wait no longer for this try."""
        if ticket in self._open:
            del self._open[ticket]
            self._settle()

    def get_state(self) -> dict[str, Any]:
        """Stage, open tries and window."""
        return {
            "stage": self.stage,
            "next_ticket": self._next_ticket,
            "open": tuple(self._open.items()),
            "window": tuple(self._window),
        }

    def set_state(self, state: Any) -> None:
        """Go on exactly where `get_state` was called.

        Raises:
            ValueError: the state is not that of a curriculum with as many stages.
        """
        if not isinstance(state, dict) or not 0 <= state.get("stage", -1) < len(self.stages):
            raise ValueError(f"not the state of a curriculum with {len(self.stages)} stages: use the same keywords")
        self.stage, self._next_ticket = state["stage"], state["next_ticket"]
        self._open = OrderedDict(state["open"])
        self._window = deque(state["window"], maxlen=self.window)

    @property
    def progress(self) -> dict[str, float]:
        """`stage`, counted from 0; `stage_tries` in the window; `stage_success`, their solved share (NaN: none yet)."""
        tries = len(self._window)
        success = self._window.count(True) / tries if tries else math.nan
        return {"stage": self.stage, "stage_tries": tries, "stage_success": success}

    def _settle(self) -> None:
        """Move ended tries to the window, up to the first that is still under way."""
        while self._open:
            oldest = next(iter(self._open))
            # A try may never be heard of again, when its environment is thrown away for one.
            if self._open[oldest] is None and len(self._open) <= PATIENCE * self.window:
                return
            solved = self._open.pop(oldest)
            if solved is not None:
                self._window.append(solved)
                self._move_on_if_mastered()

    def _move_on_if_mastered(self) -> None:
        """Begin the next stage, if there is one, with nothing known about it."""
        tries = len(self._window)
        mastered = 2 * tries >= self.window and self._window.count(True) / tries > self.threshold
        if mastered and self.stage + 1 < len(self.stages):
            self.stage += 1
            self._open.clear()
            self._window.clear()


class Attempt(NamedTuple):
    """The ticket of `Retry`."""

    instance: bytes
    failures: int
    """How often the instance has failed since it was drawn; 0 = this is its first try."""
    ticket: Any
    """That of the source beneath; None in further tries."""


class Retry(AdaptiveSource[Number]):
    """Plays failed instances of another source again.

    A failed instance joins the end of a queue. With probability `probability` an episode takes the oldest of the
    queue, out of it, so that no two episodes retry the same one; failed again, the instance joins the end once more.
    It leaves for good when any episode solves it, or after `tries` further tries. Those are not reported to the source
    beneath, so that a curriculum counts first tries only. While nothing has failed, instances are those of the source
    beneath, drawn with the same random numbers.

    Args:
        source: where first tries come from.
        probability: of taking an instance of the queue, where it holds any.
        tries: how often a failed instance is tried again.
        capacity: length of the queue; when it is full, its oldest instance gives way.

    Raises:
        ValueError: a number is outside its range.
    """

    def __init__(
        self, source: InstanceSource[Number], probability: float = 0.3, *, tries: int = 6, capacity: int = 1000
    ) -> None:
        is_number = isinstance(probability, int | float) and not isinstance(probability, bool)
        if not is_number or not 0.0 <= probability <= 1.0:
            raise ValueError(f"retry is a probability within [0, 1], such as 0.3, got {probability!r}")
        self.source = source
        self.dtype = source.dtype
        self.probability = float(probability)
        self.tries = whole("tries", tries, 1)
        self.capacity = whole("capacity", capacity, 1)
        # Failures of each waiting instance, oldest first. Keyed by content: it waits once however often it was drawn.
        self._queue: OrderedDict[bytes, int] = OrderedDict()

    def draw(self, rng: np.random.Generator) -> tuple[NDArray[Number], Attempt]:
        """The oldest failed instance or one of the source beneath, and its ticket."""
        if self._queue and rng.random() < self.probability:
            content, failures = self._queue.popitem(last=False)
            return np.frombuffer(content, self.dtype).copy(), Attempt(content, failures, None)
        instance, ticket = self.source.draw(rng)
        return instance, Attempt(instance.tobytes(), 0, ticket)

    def report(self, ticket: Attempt, solved: bool) -> None:
        """Queue a failed instance, forget a solved one, and pass a first try on."""
        if ticket.ticket is not None:
            self.source.report(ticket.ticket, solved)
        if solved:
            self._queue.pop(ticket.instance, None)
        elif ticket.failures < self.tries:
            self._wait(ticket.instance, ticket.failures + 1)

    def abandon(self, ticket: Attempt) -> None:
        """Put a retried instance back where it was; a first try leaves no trace."""
        if ticket.ticket is not None:
            self.source.abandon(ticket.ticket)
        if ticket.failures > 0:
            self._wait(ticket.instance, ticket.failures)
            self._queue.move_to_end(ticket.instance, last=False)

    def get_state(self) -> dict[str, Any]:
        """The queue, and the state of the source beneath."""
        return {"queue": tuple(self._queue.items()), "source": self.source.get_state()}

    def set_state(self, state: Any) -> None:
        """Go on exactly where `get_state` was called.

        Raises:
            ValueError: the state is not that of a `Retry` over the same kind of source.
        """
        if not isinstance(state, dict) or "queue" not in state:
            raise ValueError("not the state of a source with a retry queue: use the same keywords")
        self.source.set_state(state["source"])
        self._queue = OrderedDict(state["queue"])

    @property
    def progress(self) -> dict[str, float]:
        """That of the source beneath, and `retry_queue`: how many instances wait."""
        return {**self.source.progress, "retry_queue": len(self._queue)}

    def _wait(self, instance: bytes, failures: int) -> None:
        """Put an instance at the end of the queue, unless it waits there already."""
        self._queue[instance] = max(failures, self._queue.get(instance, 0))
        if len(self._queue) > self.capacity:
            self._queue.popitem(last=False)
