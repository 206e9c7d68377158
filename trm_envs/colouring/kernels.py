"""What a colouring breaks: the colours around each vertex, and what the checker counts of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trm_envs.jit import kernel
from trm_envs.plan_edit.task import Grids

Counts = NDArray[np.int16]
"""How many neighbours of each vertex have each colour 1..k, shape (B, n, k)."""


@kernel()
def around(instances: Grids, plans: Grids, colours: int) -> Counts:
    """Neighbours of each vertex by colour, shape (B, n, colours), from instances (B, n * n) and plans (B, n)."""
    batch, n = plans.shape
    counts = np.zeros((batch, n, colours), np.int16)
    for b in range(batch):
        for v in range(n):
            colour = plans[b, v]
            if colour > 0:
                row = instances[b, v * n : (v + 1) * n]
                for u in range(n):
                    counts[b, u, colour - 1] += row[u]
    return counts


@kernel()
def judge(counts: Counts, plans: Grids, filled: NDArray[np.int64], conflicts: NDArray[np.int64], dead: Grids) -> None:
    """Fill in coloured vertices and conflicting edges of each plan, (B,), and which vertices no colour fits, (B, n)."""
    for b in range(len(plans)):
        filled[b] = 0
        ends = 0
        for v in range(plans.shape[1]):
            colour = plans[b, v]
            dead[b, v] = colour == 0 and counts[b, v].min() > 0
            if colour > 0:
                filled[b] += 1
                ends += counts[b, v, colour - 1]
        # Each conflict has two ends.
        conflicts[b] = ends // 2


@kernel()
def neighbours(instances: Grids, n: int) -> NDArray[np.int64]:
    """The neighbours of each vertex in ascending order, shape (B, n, most), -1 pads."""
    most = 1
    for b in range(len(instances)):
        for v in range(n):
            degree = 0
            for u in range(n):
                degree += instances[b, v * n + u]
            most = max(most, degree)
    table = np.full((len(instances), n, most), -1)
    for b in range(len(instances)):
        for v in range(n):
            found = 0
            for u in range(n):
                if instances[b, v * n + u]:
                    table[b, v, found] = u
                    found += 1
    return table
