"""What bulbs do: the cells that they light, the rules that they break, and where one more may stand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trm_envs.jit import kernel
from trm_envs.plan_edit.square import neighbour
from trm_envs.plan_edit.task import Grids

Grid = NDArray[np.int8]
"""One flat row-major grid, shape (n_cells,)."""
Cells = NDArray[np.bool_]

OPEN, WALL, ZERO = range(3)
"""Values of an instance cell: open, a wall without a number, a wall with the number 0; ZERO + n has the number n."""

MOST = ZERO + 4
"""The largest value: a wall with the number 4."""


@kernel()
def onward(instance: Grid, cell: int, direction: int, size: int) -> int:
    """The next open cell in a direction, or -1 where a wall or the grid's edge ends the line."""
    other = neighbour(cell, direction, size)
    return other if other >= 0 and instance[other] == OPEN else -1


@kernel()
def seen(instances: Grids, size: int) -> NDArray[np.int64]:
    """The open cells that each open cell sees, direction by direction, shape (B, n_cells, 2 (N - 1)), -1 pads."""
    found = np.full((*instances.shape, 2 * (size - 1)), -1)
    for b in range(len(instances)):
        for cell in range(instances.shape[1]):
            count = 0
            for direction in range(4 if instances[b, cell] == OPEN else 0):
                other = onward(instances[b], cell, direction, size)
                while other >= 0:
                    found[b, cell, count] = other
                    count += 1
                    other = onward(instances[b], other, direction, size)
    return found


@kernel()
def around(marks: Cells, cell: int, size: int) -> int:
    """How many of the four cells beside `cell` are marked."""
    count = 0
    for direction in range(4):
        other = neighbour(cell, direction, size)
        count += other >= 0 and marks[other]
    return count


@kernel()
def _shine(instance: Grid, sources: Cells, size: int, lit: Cells) -> None:
    """Set `lit` on the cells that the sources see, themselves included."""
    for cell in range(len(instance)):
        if sources[cell]:
            lit[cell] = True
            for direction in range(4):
                other = onward(instance, cell, direction, size)
                # The light beyond another source is its own.
                while other >= 0 and not sources[other]:
                    lit[other] = True
                    other = onward(instance, other, direction, size)


@kernel()
def _allow(instance: Grid, bulbs: Cells, lit: Cells, size: int, free: Cells) -> None:
    """Clear `free` on the cells where one more bulb breaks a rule: lit ones, and those beside a number that is met."""
    for cell in range(len(instance)):
        if instance[cell] >= ZERO and around(bulbs, cell, size) >= instance[cell] - ZERO:
            for direction in range(4):
                other = neighbour(cell, direction, size)
                if other >= 0:
                    free[other] = False
        free[cell] = free[cell] and instance[cell] == OPEN and not lit[cell]


@kernel()
def _violate(instance: Grid, bulbs: Cells, size: int, violating: Cells) -> int:
    """Set `violating` on bulbs in sight of each other and numbers with too many bulbs; return the violations."""
    violations = 0
    for cell in range(len(instance)):
        if instance[cell] >= ZERO:
            surplus = around(bulbs, cell, size) - (instance[cell] - ZERO)
            violations += max(0, surplus)
            violating[cell] = surplus > 0
        if bulbs[cell]:
            for direction in (1, 3):
                other = onward(instance, cell, direction, size)
                while other >= 0 and not bulbs[other]:
                    other = onward(instance, other, direction, size)
                if other >= 0:
                    violations += 1
                    violating[cell] = violating[other] = True
    return violations


@kernel()
def judge(
    instance: Grid, bulbs: Cells, free: Cells, size: int, lit: Cells, violating: Cells, dead: Cells
) -> tuple[int, int]:
    """Judge the bulbs of one state.

    Args:
        instance: values of the cells, shape (n_cells,).
        bulbs: where bulbs stand, shape (n_cells,).
        free: where more bulbs may be thought of; afterwards, where one more breaks no rule, shape (n_cells,).
        size: side of the grid.
        lit: set on the cells that a bulb lights.
        violating: set on the bulbs and numbers that break a rule.
        dead: set on dark cells that no free cell can light, and on numbers that free cells cannot meet.

    Returns:
        How often a rule is broken, and how many numbers have their bulbs.
    """
    lit[:], violating[:], dead[:] = False, False, False
    _shine(instance, bulbs, size, lit)
    _allow(instance, bulbs, lit, size, free)
    violations, met = _violate(instance, bulbs, size, violating), 0
    # First the cells that more bulbs can light, then their complement.
    _shine(instance, free, size, dead)
    for cell in range(len(instance)):
        if instance[cell] == OPEN:
            dead[cell] = not lit[cell] and not dead[cell]
        elif instance[cell] >= ZERO:
            missing = instance[cell] - ZERO - around(bulbs, cell, size)
            met += missing == 0
            dead[cell] = missing > around(free, cell, size)
    return violations, met


@kernel()
def check(
    instances: Grids,
    plans: Grids,
    size: int,
    violation_weight: float,
    dead_end_weight: float,
    score: NDArray[np.float64],
    solved: Cells,
    filled: NDArray[np.int64],
    violations: NDArray[np.int64],
    dead_ends: NDArray[np.int64],
) -> None:
    """Fill the fields of `Checks`."""
    bulbs, free, lit, violating, dead = np.empty((5, size * size), np.bool_)
    for b in range(len(plans)):
        for cell in range(size * size):
            bulbs[cell] = plans[b, cell] == 1
            free[cell] = not bulbs[cell]
        violations[b], met = judge(instances[b], bulbs, free, size, lit, violating, dead)
        n_lit = n_wanted = 0
        filled[b] = dead_ends[b] = 0
        for cell in range(size * size):
            n_lit += lit[cell]
            n_wanted += instances[b, cell] != WALL
            filled[b] += bulbs[cell]
            dead_ends[b] += dead[cell]
        solved[b] = n_lit + met == n_wanted and violations[b] == 0
        score[b] = n_lit + met - violation_weight * violations[b] - dead_end_weight * dead_ends[b]


@kernel()
def hopeless(instances: Grids, plans: Grids, decided: Cells, size: int) -> Cells:
    """Whether the decided bulbs break a rule, or some cell or number has too few undecided cells left, shape (B,)."""
    found = np.empty(len(plans), np.bool_)
    bulbs, free, lit, violating, dead = np.empty((5, size * size), np.bool_)
    for b in range(len(plans)):
        for cell in range(size * size):
            bulbs[cell] = decided[b, cell] and plans[b, cell] == 1
            free[cell] = not decided[b, cell]
        violations, _ = judge(instances[b], bulbs, free, size, lit, violating, dead)
        found[b] = violations > 0 or dead.any()
    return found


@kernel()
def action_mask(instances: Grids, plans: Grids, size: int, consistent: bool) -> Cells:
    """Legality of every toggle, shape (B, n_cells)."""
    mask = np.empty(instances.shape, np.bool_)
    bulbs, lit = np.empty((2, size * size), np.bool_)
    for b in range(len(plans)):
        for cell in range(size * size):
            mask[b, cell] = instances[b, cell] == OPEN
            bulbs[cell] = plans[b, cell] == 1
        if consistent:
            lit[:] = False
            _shine(instances[b], bulbs, size, lit)
            _allow(instances[b], bulbs, lit, size, mask[b])
            # A bulb may always be taken away.
            mask[b] |= bulbs
    return mask


@kernel()
def edit(
    instances: Grids, plans: Grids, actions: NDArray[np.int64], size: int, consistent: bool
) -> tuple[Grids, Cells]:
    """Plans after one toggle each, and whether it was legal."""
    edited, legal = plans.copy(), np.empty(len(plans), np.bool_)
    for b in range(len(plans)):
        cell = actions[b]
        if consistent:
            legal[b] = action_mask(instances[b : b + 1], plans[b : b + 1], size, True)[0, cell]
        else:
            legal[b] = instances[b, cell] == OPEN
        if legal[b]:
            edited[b, cell] = 1 - plans[b, cell]
    return edited, legal


@kernel()
def diagnose(instance: Grid, plan: Grid, size: int) -> tuple[Cells, Cells, Cells]:
    """Which cells of one state are lit, break a rule, and are dead ends, each of shape (n_cells,)."""
    bulbs = plan == 1
    lit, violating, dead = np.empty(len(plan), np.bool_), np.empty(len(plan), np.bool_), np.empty(len(plan), np.bool_)
    judge(instance, bulbs, ~bulbs, size, lit, violating, dead)
    return lit, violating, dead
