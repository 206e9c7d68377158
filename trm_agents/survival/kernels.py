"""Backups of the survival value as compiled loops over states. `backup` says what they compute.

All kernels are in this file: numba caches by file, and would not see a change in another.
Shapes: T options, G constraints; the fields of `trm_envs.plan_edit.cover.Cover` come as they are there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trm_envs.jit import kernel

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Indices = NDArray[np.int64]

MET = np.float32(np.inf)
"""In place of a sum: the constraint is met, or need not be."""


@kernel()
def count_met(plans: NDArray[np.int8], constraints: Indices, n_symbols: int, met: Indices) -> None:
    """Fill in how many options of each constraint the plans hold, met (B, G)."""
    for b in range(len(plans)):
        met[b] = 0
        for cell in range(plans.shape[1]):
            if plans[b, cell] > 0:
                for g in constraints[cell * n_symbols + plans[b, cell] - 1]:
                    if g < 0:
                        break
                    met[b, g] += 1


@kernel()
def allow(met: Indices, constraints: Indices, legal: Flags) -> None:
    """Fill in which options have no constraint that is met already, legal (B, T)."""
    for b in range(len(met)):
        for option in range(len(constraints)):
            free = True
            for g in constraints[option]:
                if g < 0:
                    break
                free &= met[b, g] == 0
            legal[b, option] = free


@kernel()
def add_up(w: Floats, legal: Flags, met: Indices, options: Indices, required: Flags, sums: Floats) -> None:
    """Fill in the sum of w over the legal options of each required constraint that is open, sums (B, G)."""
    for b in range(len(w)):
        for g in range(len(options)):
            if met[b, g] > 0 or not required[g]:
                sums[b, g] = MET
                continue
            total = np.float32(0.0)
            for option in options[g]:
                if option < 0:
                    break
                if legal[b, option]:
                    total += w[b, option]
            sums[b, g] = total


@kernel()
def bound(
    w: Floats, legal: Flags, sums: Floats, constraints: Indices, rivals: Indices, left: Floats, bounds: Floats
) -> None:
    """Fill in the bound on the survival of each legal edit that needs no successor, 0 elsewhere; bounds (B, T).

    `left` is scratch, (G,).
    """
    for b in range(len(w)):
        for option in range(len(constraints)):
            bounds[b, option] = 0.0
            if not legal[b, option]:
                continue
            left[:] = sums[b]
            for rival in rivals[option]:
                if rival < 0:
                    break
                if legal[b, rival]:
                    for g in constraints[rival]:
                        if g < 0:
                            break
                        left[g] -= w[b, rival]
            for g in constraints[option]:
                if g < 0:
                    break
                left[g] = MET
            worst = np.float32(1.0)
            for g in range(len(left)):
                worst = min(worst, left[g])
            bounds[b, option] = max(worst, np.float32(0.0))


@kernel()
def force(
    plans: NDArray[np.int8],
    w: Floats,
    legal: Flags,
    sums: Floats,
    constraints: Indices,
    rivals: Indices,
    n_symbols: int,
    room: float,
    least: float,
    written: Flags,
) -> None:
    """Write, in place, legal options with w >= least whose rivals in a required constraint have a sum below `room`.

    An option is passed over where the round has written a rival of it. Fills in what was written, (B, T).
    """
    for b in range(len(w)):
        written[b] = False
        for option in range(len(constraints)):
            if not legal[b, option] or w[b, option] < least:
                continue
            others = MET
            for g in constraints[option]:
                if g < 0:
                    break
                others = min(others, sums[b, g] - w[b, option])
            if others >= room:
                continue
            free = True
            for rival in rivals[option]:
                if rival < 0:
                    break
                free &= not written[b, rival]
            if free:
                written[b, option] = True
                plans[b, option // n_symbols] = option % n_symbols + 1
