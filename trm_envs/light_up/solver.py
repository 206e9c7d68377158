"""Exact Light Up solver: forced cells first, then branching on the dark cell that the fewest cells can light.

The generator and the reader use it, and reference lines; no agent does.
"""

from __future__ import annotations

from math import isqrt

import numpy as np
from numpy.typing import NDArray

from trm_envs.jit import kernel
from trm_envs.light_up.kernels import OPEN, ZERO, Grid, onward
from trm_envs.plan_edit.square import neighbour
from trm_envs.plan_edit.task import Grids

MOST_GUESSES = 1 << 22
"""Guesses after which `is_unsolvable` gives up on a puzzle; shipped ones take a few at most."""

UNKNOWN, BULB, DARK = range(3)
"""What a solver knows of a cell; `DARK` says that no bulb stands there, as in walls."""


@kernel()
def _settle_number(instance: Grid, known: Grid, cell: int, size: int) -> int:
    """Force the cells beside a number; return 1 where that changed one, 0 where not, and -1 where it cannot be met."""
    bulbs = unknown = 0
    for direction in range(4):
        other = neighbour(cell, direction, size)
        if other >= 0:
            bulbs += known[other] == BULB
            unknown += known[other] == UNKNOWN
    missing = instance[cell] - ZERO - bulbs
    if missing < 0 or missing > unknown:
        return -1
    if unknown == 0 or 0 < missing < unknown:
        return 0
    for direction in range(4):
        other = neighbour(cell, direction, size)
        if other >= 0 and known[other] == UNKNOWN:
            known[other] = DARK if missing == 0 else BULB
    return 1


@kernel()
def _lights(instance: Grid, known: Grid, cell: int, size: int) -> tuple[int, int, int]:
    """Bulbs that other cells shine on an open cell with, how many cells may still light it, and the last of those."""
    bulbs, candidates, last = 0, 0, -1
    if known[cell] == UNKNOWN:
        candidates, last = 1, cell
    for direction in range(4):
        other = onward(instance, cell, direction, size)
        while other >= 0:
            bulbs += known[other] == BULB
            if known[other] == UNKNOWN:
                candidates, last = candidates + 1, other
            other = onward(instance, other, direction, size)
    return bulbs, candidates, last


@kernel()
def _settle_cell(instance: Grid, known: Grid, cell: int, size: int) -> int:
    """Force what an open cell must be, or what must light it; returns as `_settle_number`."""
    bulbs, candidates, last = _lights(instance, known, cell, size)
    if known[cell] == BULB:
        return -1 if bulbs > 0 else 0
    if bulbs > 0:
        changed = known[cell] == UNKNOWN
        known[cell] = DARK
        return int(changed)
    if candidates == 0:
        return -1
    if candidates == 1:
        known[last] = BULB
    return int(candidates == 1)


@kernel()
def propagate(instance: Grid, known: Grid, size: int) -> bool:
    """Force cells until nothing changes; return whether no rule is broken."""
    changed = True
    while changed:
        changed = False
        for cell in range(len(instance)):
            outcome = 0
            if instance[cell] >= ZERO:
                outcome = _settle_number(instance, known, cell, size)
            elif instance[cell] == OPEN:
                outcome = _settle_cell(instance, known, cell, size)
            if outcome < 0:
                return False
            changed |= outcome > 0
    return True


@kernel()
def _most_pressed(instance: Grid, known: Grid, size: int) -> int:
    """A cell that may light the dark cell with the fewest such cells; -1 where all cells are lit or decided."""
    fewest, chosen = len(instance) + 1, -1
    for cell in range(len(instance)):
        if instance[cell] == OPEN and known[cell] != BULB:
            bulbs, candidates, last = _lights(instance, known, cell, size)
            if bulbs == 0 and 0 < candidates < fewest:
                fewest, chosen = candidates, last
    return chosen


@kernel()
def _begin(instance: Grid, known: Grid) -> None:
    """Nothing is known of open cells."""
    for cell in range(len(instance)):
        known[cell] = UNKNOWN if instance[cell] == OPEN else DARK


@kernel()
def count(instance: Grid, size: int, limit: int, most: int, stack: Grids, solution: Grid) -> int:
    """Count solutions by depth-first search, up to `limit`; -1 where that takes more than `most` guesses.

    `stack` is scratch, (n_cells + 1, n_cells); `solution` becomes the first solution, 1 = bulb.
    """
    height, found, guesses = 1, 0, 0
    _begin(instance, stack[0])
    while height:
        known = stack[height - 1]
        if not propagate(instance, known, size):
            height -= 1
            continue
        cell = _most_pressed(instance, known, size)
        if cell >= 0:
            guesses += 1
            if guesses > most:
                return -1
            stack[height] = known
            known[cell], stack[height, cell] = DARK, BULB
            height += 1
            continue
        # All is lit, so that a bulb more would be in sight of one: the cells that are left are dark.
        if found == 0:
            for other in range(len(instance)):
                solution[other] = known[other] == BULB
        found += 1
        height -= 1
        if found == limit:
            break
    return found


@kernel()
def _count_all(instances: Grids, size: int, limit: int, most: int, solutions: Grids) -> NDArray[np.int64]:
    counts, stack = np.empty(len(instances), np.int64), np.empty((size * size + 1, size * size), np.int8)
    for b in range(len(instances)):
        counts[b] = count(instances[b], size, limit, most, stack, solutions[b])
    return counts


@kernel()
def _deduce_all(instances: Grids, size: int) -> Grids:
    known = np.empty_like(instances)
    for b in range(len(instances)):
        _begin(instances[b], known[b])
        propagate(instances[b], known[b], size)
    return known


def count_solutions(instances: Grids, limit: int = 2) -> NDArray[np.int64]:
    """Solutions of each puzzle, counted up to `limit`, shape (B,); 2 is enough to test uniqueness.

    Args:
        instances: shape (B, N*N), int8.
        limit: where to stop counting, at least 1.
    """
    counts: NDArray[np.int64] = _count_all(
        instances, isqrt(instances.shape[1]), limit, 1 << 62, np.zeros_like(instances)
    )
    return counts


def solve(instances: Grids) -> tuple[Grids, NDArray[np.bool_]]:
    """A solution of each puzzle, 1 = bulb (all 0 where there is none), and whether there is one.

    Args:
        instances: shape (B, N*N), int8.
    """
    solutions = np.zeros_like(instances)
    counts = _count_all(instances, isqrt(instances.shape[1]), 1, 1 << 62, solutions)
    return solutions, counts > 0


def is_unsolvable(instances: Grids) -> NDArray[np.bool_]:
    """Whether each puzzle is shown to have no solution within `MOST_GUESSES` guesses, shape (B,).

    Args:
        instances: shape (B, N*N), int8.
    """
    counts = _count_all(instances, isqrt(instances.shape[1]), 1, MOST_GUESSES, np.zeros_like(instances))
    refuted: NDArray[np.bool_] = counts == 0
    return refuted


def deduce(instances: Grids) -> Grids:
    """What forced cells alone derive, without a guess: `UNKNOWN`, `BULB` or `DARK`, shape (B, N*N), int8.

    A number forces the cells beside it where it has its bulbs or needs them all; a bulb forbids bulbs in its sight; a
    dark cell that one cell alone can light forces a bulb there.
    """
    known: Grids = _deduce_all(instances, isqrt(instances.shape[1]))
    return known


def undecided(instances: Grids) -> NDArray[np.int64]:
    """Open cells of each puzzle that forced cells leave undecided, shape (B,); 0 where they solve it."""
    left: NDArray[np.int64] = ((instances == OPEN) & (deduce(instances) == UNKNOWN)).sum(axis=1, dtype=np.int64)
    return left
