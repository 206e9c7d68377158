"""What the backup refutes without a network: its bound, iterated from w = 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trm_agents.survival import backup
from trm_agents.survival.backup import Floats, Plans
from trm_envs.plan_edit.cover import Cover


def refuted_at(plans: Plans, cover: Cover) -> NDArray[np.int64]:
    """In which round of the bound each option is refuted, (B, T); 0: never.

    Round 0 has w = 1 for every legal option, round r + 1 the bound of round r, which is sound: no option that leaves
    the plan alive is refuted. Options that the constraints refuse at once are refuted in round 1.
    """
    of = backup.status(plans, cover)
    alive, out, this = of.legal.copy(), np.where(of.legal, 0, 1).astype(np.int64), 0
    while True:
        w: Floats = alive.astype(np.float32)
        left = alive & (backup.bounds(w, backup.sums(w, of, cover), of, cover) > 0.0)
        if (left == alive).all():
            return out
        this += 1
        out[alive & ~left] = this
        alive = left


def propagated(plans: Plans, cover: Cover) -> Plans:
    """The plans with every blank written that has one option left once the bound refutes no more; others stay 0."""
    n_cells = plans.shape[1]
    left = (refuted_at(plans, cover) == 0).reshape(len(plans), n_cells, -1)
    written = np.where((plans == 0) & (left.sum(axis=2) == 1), left.argmax(axis=2) + 1, plans)
    return written.astype(np.int8)
