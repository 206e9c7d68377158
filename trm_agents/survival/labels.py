"""Labels of survival: what the exact-cover backup and the checker say of every edit of a state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trm_agents.survival import backup
from trm_agents.survival.backup import Flags, Floats, Status
from trm_agents.survival.targets import SAMPLED_WEIGHT, Drawn, EditTarget, Labels, Valued, optimistic, refused
from trm_envs.plan_edit.cover import Cover
from trm_envs.plan_edit.mdp import PlanStates

EditValues = Callable[[PlanStates], Floats]
"""w of every option of B states as a frozen network says, (B, T), float32: one network call a state."""

KEPT_WEIGHT = 0.3
"""Weight of edits that nothing refutes or confirms: their labels are what the network says already."""
TRUSTED = 0.3
"""Value of a state from which forced edits have not contradicted themselves."""


@dataclass(frozen=True)
class Survival(EditTarget):
    """The value target of survival: w(s, a), whether the plan can still be completed after edit a.

    It is bootstrapped from the checker alone, on tasks whose constraints are an exact cover (`PlanTask.cover`). No
    solved plan is a label, not even the agent's own, unless `own_plans` says so.

    Args:
        anchor, anchored, first_states, alive_weight, exploration: as `EditTarget`.
        rounds: rounds of forced edits before labels are read; 0 reads them where the state is.
        room: an edit is forced where its rivals' survivals sum to less.
        successors: edits of each state whose successors the network is asked about.
        bounds: whether edits are refuted by the bound that needs no successor.
        over: V of a successor is the least sum over the options of its `constraints`, or the largest w of its `edits`,
            as in ordinary temporal differences; forced edits and bounds are of constraints.
        ramp: values below the first are labels of 0, values above the second labels of 1.
        warm_up: share of the training before forced edits and successors are used. Until then whatever nothing refutes
            is labelled 1: a network that tells no edits apart would confirm itself for good.
        own_plans: label edits by a solved plan where the agent has made one of the instance that the state agrees with.
    """

    rounds: int = 2
    room: float = 0.1
    successors: int = 1
    bounds: bool = True
    over: Literal["constraints", "edits"] = "constraints"
    ramp: tuple[float, float] = (0.03, 0.15)
    warm_up: float = 0.3
    own_plans: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "ramp", tuple(self.ramp))
        for name in ("rounds", "successors"):
            value = getattr(self, name)
            if value != int(value) or value < 0:
                raise ValueError(f"Survival: {name} must be a whole number of at least 0, got {value}")
        self._check_shares("warm_up")
        for name in ("bounds", "own_plans"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"Survival: {name} must be True or False, got {getattr(self, name)!r}")
        if not 0.0 < self.room < inf:
            raise ValueError(f"Survival: room must be positive, got {self.room}")
        if len(self.ramp) != 2 or not 0.0 <= self.ramp[0] < self.ramp[1] <= 1.0:
            raise ValueError(f"Survival: ramp must be (low, high) with 0 <= low < high <= 1, got {self.ramp}")
        if self.over not in ("constraints", "edits"):
            raise ValueError(f"Survival: over must be 'constraints' or 'edits', got {self.over!r}")
        if self.over == "edits" and (self.rounds or self.bounds):
            raise ValueError(
                "Survival: forced edits and bounds are of constraints: pass rounds=0 and bounds=False with over='edits'"
            )

    def labels(self, drawn: Drawn, policy: Valued, rng: np.random.Generator, progress: float) -> Labels:
        """Labels of every edit; see `label`."""
        said = label(drawn.states, policy.edit_values, policy.cover, self, rng, progress > self.warm_up)
        return with_own_plans(said, drawn, self.alive_weight) if self.own_plans else said


class _Far(NamedTuple):
    """Plans after rounds of forced edits, and what the network says there."""

    states: PlanStates
    w: Floats
    of: Status
    sums: Floats

    @classmethod
    def at(cls, states: PlanStates, values: EditValues, cover: Cover) -> _Far:
        """Ask the network about states."""
        w, of = values(states), backup.status(states.plans, cover)
        return cls(states, w, of, backup.sums(w, of, cover))

    def value(self, over: str) -> Floats:
        """V of the states, by their constraints or by their edits, (B,)."""
        if over == "constraints":
            return backup.state_value(self.sums, self.of)
        best: Floats = np.where(self.of.legal, self.w, np.float32(0.0)).max(axis=1)
        best[self.of.solved] = 1.0
        best[self.of.broken] = 0.0
        return best

    def replaced(self, rows: NDArray[np.int64], other: _Far) -> None:
        """Overwrite these rows, in place."""
        for mine, others in zip(self._arrays(), other._arrays(), strict=True):
            mine[rows] = others

    def _arrays(self) -> list[NDArray[Any]]:
        """All there is, the instances left out: they stay the same."""
        states, of = self.states, self.of
        return [states.plans, states.remaining_edits, self.w, self.sums, of.met, of.legal, of.broken, of.solved]

    def taken(self, rows: NDArray[np.int64]) -> _Far:
        """A copy of these rows."""
        return _Far(self.states.at(rows), self.w[rows], self.of.at(rows), self.sums[rows])


def ramped(values: Floats, ramp: tuple[float, float]) -> Floats:
    """0 below the ramp, 1 above it, linear between."""
    low, high = ramp
    out: Floats = np.clip((values - low) / (high - low), 0.0, 1.0).astype(np.float32)
    return out


def write(states: PlanStates, options: NDArray[np.int64], n_symbols: int) -> PlanStates:
    """States after one option each is written."""
    plans = states.plans.copy()
    plans[np.arange(len(plans)), options // n_symbols] = options % n_symbols + 1
    return states._replace(plans=plans, remaining_edits=states.remaining_edits - 1)


def label(
    states: PlanStates,
    values: EditValues,
    cover: Cover,
    settings: Survival,
    rng: np.random.Generator,
    warm: bool = True,
) -> Labels:
    """Labels of every edit of B states; nothing is said of cells that are not blank.

    An edit is labelled 0 where the constraints refuse it, where a forced edit excludes it, or where the bound refutes
    it; 1 where it is forced; and by the value of its successor where that was asked about. All others keep what the
    network says; until warm, they are labelled 1, and no edit is forced and no successor asked about.

    Args:
        states: B states with a blank each.
        values: the frozen network.
        cover: the constraints.
        settings: what is asked.
        rng: draws the successors that are asked about.
        warm: whether forced edits and successors are used.
    """
    near = _Far.at(states, values, cover)
    said = refused(states, cover)
    far, written, queries = _forced(near, values, cover, settings.rounds if warm else 0, settings.room)
    contradicted = np.flatnonzero((backup.state_value(far.sums, far.of) <= TRUSTED) & written.any(axis=1))
    # A forced edit was not: nothing is learned from it, and labels are read where the state is.
    written[contradicted] = False
    far.replaced(contradicted, near.taken(contradicted))
    legal, excluded = near.of.legal, near.of.legal & ~far.of.legal
    out, weight = said.label, said.weight
    weight[excluded] = 1.0
    out[written] = weight[written] = 1.0
    open_ = legal & far.of.legal & ~written
    # At first, whatever nothing refutes is alive: the operator is sound from there only.
    out[open_], weight[open_] = (far.w[open_], KEPT_WEIGHT) if warm else (1.0, 1.0)
    if settings.bounds:
        bound = ramped(backup.bounds(far.w, far.sums, far.of, cover), settings.ramp)
        refuted = open_ & (bound < 1.0)
        out[refuted], weight[refuted] = bound[refuted], 1.0
        open_ &= bound >= backup.LIKELY
    else:
        bound = np.ones_like(near.w)
    if warm and settings.successors:
        queries += _ask(far, open_, bound, out, weight, values, cover, settings, rng)
    log = {
        "undecided_share": float(open_.sum() / max(legal.sum(), 1)),
        "trusted_share": 1.0 - len(contradicted) / len(out),
    }
    return optimistic(said._replace(queries=queries, log=log), settings.alive_weight)


def with_own_plans(said: Labels, drawn: Drawn, alive_weight: float) -> Labels:
    """The labels, replaced by what the agent's solved plan has where it has made one that the state agrees with."""
    plans = drawn.states.plans
    agrees = drawn.known & ((plans == 0) | (plans == drawn.goals)).all(axis=1)
    n_symbols = said.label.shape[1] // plans.shape[1]
    wanted = (drawn.goals[:, :, None] == np.arange(1, n_symbols + 1)).reshape(said.label.shape)
    rows = agrees[:, None] & said.of.legal
    label = np.where(rows, wanted, said.label).astype(np.float32)
    weight = np.where(rows, 1.0 + (alive_weight - 1.0) * wanted, said.weight).astype(np.float32)
    return said._replace(label=label, weight=weight)


def _forced(near: _Far, values: EditValues, cover: Cover, rounds: int, room: float) -> tuple[_Far, Flags, int]:
    """States after rounds of forced edits, what those wrote, (B, T), and how many plans were asked about.

    A round that would finish the plan is not taken: no label is read off a solved plan.
    """
    far = near.taken(np.arange(len(near.w)))
    written, queries, rows = np.zeros(near.w.shape, np.bool_), 0, np.arange(len(near.w))
    for _ in range(rounds):
        here = far.taken(rows)
        plans, wrote = backup.forced(here.states.plans, here.w, here.sums, here.of, cover, room)
        going = wrote.any(axis=1) & ~backup.status(plans, cover).solved
        rows, edits = rows[going], wrote.sum(axis=1)[going].astype(np.int32)
        if not len(rows):
            break
        written[rows] |= wrote[going]
        states = here.states.at(going)._replace(plans=plans[going])
        states = states._replace(remaining_edits=states.remaining_edits - edits)
        far.replaced(rows, _Far.at(states, values, cover))
        queries += len(rows)
    return far, written, queries


def _ask(
    far: _Far,
    open_: Flags,
    bound: Floats,
    out: Floats,
    weight: Floats,
    values: EditValues,
    cover: Cover,
    settings: Survival,
    rng: np.random.Generator,
) -> int:
    """Label some open edits by the values of their successors, in place; returns how many."""
    order = np.where(open_, rng.random(open_.shape), 2.0).argsort(axis=1)[:, : settings.successors]
    rows, drawn = np.nonzero(np.take_along_axis(open_, order, axis=1))
    options = order[rows, drawn]
    if not len(rows):
        return 0
    n_symbols = open_.shape[1] // far.states.plans.shape[1]
    after = _Far.at(write(far.states.at(rows), options, n_symbols), values, cover)
    value = ramped(after.value(settings.over), settings.ramp)
    out[rows, options] = np.minimum(value, bound[rows, options])
    several = open_.sum(axis=1) / np.minimum(open_.sum(axis=1).clip(1), settings.successors)
    weight[rows, options] = np.minimum(several[rows], SAMPLED_WEIGHT)
    return len(rows)
