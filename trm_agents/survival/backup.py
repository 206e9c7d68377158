"""The survival value and its exact-cover backups. One equation a function.

W(s) is 1 where the plan of s can be completed: where writing symbols into blanks alone leads to a solved plan; else it
is 0. w(s, o) = W(s + o) is the survival of the edit that writes option o. Everywhere: `w` is of shape (B, T), float32,
within [0, 1]; `plans` of shape (B, n_cells), int8, 0 for a blank; T options and G constraints as in `Cover`.

A plan that can be completed has, for each required constraint g that is open, an option whose writing leaves it so:
W(s) = max over o in g of W(s + o), for every such g. For values of 0 and 1, a maximum is a sum cut off at 1. Under
doubt the sum is the better one: of two options exactly one of which survives, each has 0.5, and they sum to 1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trm_agents.survival import kernels
from trm_envs.plan_edit.cover import Cover

Plans = NDArray[np.int8]
Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]


class Status(NamedTuple):
    """What the constraints say of B plans."""

    met: NDArray[np.int64]
    """Options of each constraint that the plan holds, (B, G)."""
    legal: Flags
    """Options none of whose constraints is met yet, (B, T)."""
    broken: Flags
    """Whether a constraint is met twice, (B,): the plan cannot be completed."""
    solved: Flags
    """Whether every required constraint is met and none twice, (B,)."""

    def at(self, rows: NDArray[np.int64]) -> Status:
        """Of these rows."""
        return Status(self.met[rows], self.legal[rows], self.broken[rows], self.solved[rows])


def status(plans: Plans, cover: Cover) -> Status:
    """Legal options, broken plans and solved ones."""
    n_symbols = len(cover.constraints) // plans.shape[1]
    met = np.empty((len(plans), len(cover.options)), np.int64)
    kernels.count_met(plans, cover.constraints, n_symbols, met)
    legal = np.empty((len(plans), len(cover.constraints)), np.bool_)
    kernels.allow(met, cover.constraints, legal)
    broken: Flags = np.logical_or.reduce(met > 1, axis=1)
    complete: Flags = np.logical_and.reduce(met[:, cover.required] > 0, axis=1)
    return Status(met, legal, broken, complete & ~broken)


def sums(w: Floats, of: Status, cover: Cover) -> Floats:
    """Sum of w over the legal options of each required constraint that is open, inf elsewhere; (B, G)."""
    out = np.empty(of.met.shape, np.float32)
    kernels.add_up(w, of.legal, of.met, cover.options, cover.required, out)
    return out


def state_value(sums: Floats, of: Status) -> Floats:
    """V(s) = min over open constraints g of min(1, sum over o in g of w(s, o)); 1 where solved, 0 where broken; (B,).

    V = W where w is exact.
    """
    value: Floats = np.where(of.broken, np.float32(0.0), np.minimum(sums.min(axis=1), np.float32(1.0)))
    return value


def bounds(w: Floats, sums: Floats, of: Status, cover: Cover) -> Floats:
    """An upper bound on w(s, o) that needs no successor, (B, T); 0 for options that are not legal.

    An edit never helps: W(s + o + o') <= W(s + o'). So W(s + o), which is min over g of max over o' in g of
    W(s + o + o'), is at most the same of w(s, o') over the options o' that o leaves legal: those that are no rivals.
    """
    out, left = np.empty(w.shape, np.float32), np.empty(sums.shape[1], np.float32)
    kernels.bound(w, of.legal, sums, cover.constraints, cover.rivals, left, out)
    return out


def forced(plans: Plans, w: Floats, sums: Floats, of: Status, cover: Cover, room: float) -> tuple[Plans, Flags]:
    """Plans after one round of forced edits, and what the round wrote, (B, T).

    An option is forced where its rivals in an open constraint have survivals that sum to less than `room`. Where w is
    exact, a plan that can be completed is completed with it: W(s + o) = W(s + a + o) for a forced option a and any o
    that a leaves legal, and W(s + o) = 0 for its rivals.
    """
    after, written = plans.copy(), np.empty(w.shape, np.bool_)
    n_symbols = len(cover.constraints) // plans.shape[1]
    kernels.force(after, w, of.legal, sums, cover.constraints, cover.rivals, n_symbols, room, LIKELY, written)
    return after, written


LIKELY = 0.5
"""Survival from which an edit is believed to leave the plan alive."""
