"""What value targets of all edits have in common: the states that they label, their settings, their labels."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import ClassVar, Literal, NamedTuple, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from trm_agents.survival import backup
from trm_agents.survival.backup import Flags, Floats, Status
from trm_envs.plan_edit.cover import Cover
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.task import Grids

SAMPLED_WEIGHT = 5.0
"""Largest weight, without `alive_weight`, of an edit that stands for others: of those open, it alone was tried."""

Instances = Literal["all", "solved"]


class Valued(Protocol):
    """A frozen policy that says what edits are worth."""

    mdp: PlanEditMDP

    @property
    def cover(self) -> Cover:
        """The constraints of the task."""
        ...

    def edit_values(self, states: PlanStates) -> Floats:
        """Survivals w of every edit, (B, T): one network call a state."""
        ...

    def expected_values(self, states: PlanStates) -> Floats:
        """Mean of w under pi: sum_a pi(a|s) w(s, a), (B,); one network call a state."""
        ...

    def least_costs(self, states: PlanStates) -> Floats:
        """Cost-to-go after the best edit: min over a of C(s, a), (B,); one network call a state."""
        ...


class Taken(NamedTuple):
    """S steps of finished episodes."""

    actions: NDArray[np.int64]
    """The edit taken, (S,)."""
    left: NDArray[np.int64]
    """Steps to the end of the episode, this one included, (S,)."""
    won: Flags
    """Whether the episode ended solved, (S,)."""
    later: PlanStates
    """S states: where the episode stood `horizon` steps later; any, where it had ended by then."""


class Drawn(NamedTuple):
    """N states to be labelled: S that were visited, and behind them first states."""

    states: PlanStates
    first: Flags
    """Which are first states, (N,)."""
    goals: Grids
    """A solved plan that the agent has made of the instance, (N, n_cells); any, where it has made none."""
    known: Flags
    """Whether it has made one, (N,)."""
    taken: Taken | None
    """What was done in the S visited states; None where the target does not ask."""


class Labels(NamedTuple):
    """Labels of all edits of B states."""

    label: Floats
    """What w(s, o) is to be, within [0, 1], (B, T)."""
    weight: Floats
    """How much it counts, (B, T); 0: not at all."""
    of: Status
    """What the constraints say of the states."""
    queries: int
    """Plans that were asked about through the model."""
    log: dict[str, float]
    """What is logged, by name."""
    costs: Floats | None = None
    """What the edits taken in the first states of the batch are to cost, (S,); None: nothing is said of costs."""


@dataclass(frozen=True)
class EditTarget:
    """A value target of all edits, on tasks whose constraints are an exact cover (`PlanTask.cover`).

    Args:
        anchor: weight of the constraint loss on first states: an instance can be solved, so that some option of every
            open constraint survives. 0 leaves it out.
        anchored: on which instances: `all`, or those that the agent has `solved` itself, which nobody has to promise.
        first_states: share of first states in a batch.
        alive_weight: weight of a label of 1 against one of 0: more than 1 is optimistic under doubt.
        exploration: share of the edits collected that are any legal one.
    """

    anchor: float = 1.0
    anchored: Instances = "all"
    first_states: float = 0.5
    alive_weight: float = 4.0
    exploration: float = 0.02

    relaxes: ClassVar[bool] = False
    """Whether the constraint loss is one of violations, on all states."""

    def __post_init__(self) -> None:
        name = type(self).__name__
        if not 0.0 <= self.anchor < inf:
            raise ValueError(f"{name}: anchor must not be negative, got {self.anchor}")
        if self.anchored not in get_args(Instances):
            raise ValueError(f"{name}: anchored must be one of {get_args(Instances)}, got {self.anchored!r}")
        if not 0.0 < self.alive_weight < inf:
            raise ValueError(f"{name}: alive_weight must be positive, got {self.alive_weight}")
        self._check_shares("first_states", "exploration")

    def _check_shares(self, *names: str) -> None:
        for name in names:
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{type(self).__name__}: {name} must be within [0, 1], got {getattr(self, name)}")

    @property
    def horizon(self) -> int | None:
        """How many steps later `Taken.later` is, in finished episodes; None labels the states of the last rollout."""
        return None

    def labels(self, drawn: Drawn, policy: Valued, rng: np.random.Generator, progress: float) -> Labels:
        """Labels of every edit of states that have a blank each.

        Args:
            drawn: the states.
            policy: the frozen policy.
            rng: draws what is asked about.
            progress: share of the training that is over.
        """
        raise NotImplementedError


def refused(states: PlanStates, cover: Cover) -> Labels:
    """What the checker says without a network: edits of blank cells that break a constraint at once are labelled 0.

    They weigh as much as others: weighing less, they were forgotten in nearly finished plans.
    """
    of = backup.status(states.plans, cover)
    blank = np.repeat(states.plans == 0, of.legal.shape[1] // states.plans.shape[1], axis=1)
    weight = (blank & ~of.legal).astype(np.float32)
    return Labels(np.zeros_like(weight), weight, of, 0, {})


def optimistic(labels: Labels, alive_weight: float) -> Labels:
    """With `alive_weight` times the weight on labels of 1."""
    return labels._replace(weight=labels.weight * (1.0 + (alive_weight - 1.0) * labels.label))
