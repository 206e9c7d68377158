"""What a marking of a maze looks like, cell by cell: chains, violations, dead ends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trm_envs.jit import kernel
from trm_envs.maze.paths import FREE, GOAL, START, Grid, find, path_lengths
from trm_envs.plan_edit.square import neighbour
from trm_envs.plan_edit.task import Grids

Cells = NDArray[np.bool_]
Counts = NDArray[np.int64]

# Why a chain stops: nothing to go on to, more than one way on, or the other end reached.
_GAP, _FORK, _MET = range(3)

# One bit a chain: the one grown from the start and the one grown from the goal.
_START_CHAIN, _GOAL_CHAIN = 1, 2


@kernel()
def _marked_neighbours(plan: Grid, cell: int, size: int) -> int:
    count = 0
    for direction in range(4):
        other = neighbour(cell, direction, size)
        count += other >= 0 and plan[other] == 1
    return count


@kernel()
def _grow(plan: Grid, size: int, first: int, last: int, chain: int, chains: Grid) -> tuple[int, int]:
    """Set the bit `chain` in `chains` along one chain; return its tip and why it stops there."""
    tip = first
    chains[tip] |= chain
    while tip != last:
        onward, ways = -1, 0
        for direction in range(4):
            other = neighbour(tip, direction, size)
            if other >= 0 and plan[other] == 1 and not chains[other] & chain:
                onward, ways = other, ways + 1
        if ways != 1:
            return tip, _GAP if ways == 0 else _FORK
        tip = onward
        chains[tip] |= chain
    return tip, _MET


@kernel()
def _grow_both(plan: Grid, size: int, start: int, goal: int, chains: Grid) -> tuple[tuple[int, int], tuple[int, int]]:
    """Write both chains into `chains`; return tip and stop of the one from the start and the one from the goal."""
    chains[:] = 0
    from_start = _grow(plan, size, start, goal, _START_CHAIN, chains)
    return from_start, _grow(plan, size, goal, start, _GOAL_CHAIN, chains)


@kernel()
def _count(plan: Grid, size: int, chains: Grid) -> tuple[int, int, int]:
    """Marked cells, cells on a chain, violations."""
    filled, length, violations = 0, 0, 0
    for cell in range(len(plan)):
        if plan[cell] == 1:
            filled += 1
            length += chains[cell] != 0
            violations += (chains[cell] == 0) + (_marked_neighbours(plan, cell, size) > 2)
    return filled, length, violations


@kernel()
def _extends(plan: Grid, size: int, cell: int, tip: int, chain: int, chains: Grid) -> bool:
    """Whether the chain would go through `cell`, a neighbour of its tip, and neither fork there nor bite itself."""
    others = 0
    for direction in range(4):
        other = neighbour(cell, direction, size)
        if other >= 0 and other != tip and plan[other] == 1:
            others += 1
            if chains[other] & chain:
                return False
    return others <= 1


@kernel()
def _is_dead_end(instance: Grid, plan: Grid, size: int, end: tuple[int, int], chain: int, chains: Grid) -> bool:
    """Whether the chain with this tip and stop has not met the other end and no one marking extends it."""
    tip, stop = end
    if stop == _GAP:
        for direction in range(4):
            cell = neighbour(tip, direction, size)
            is_open = cell >= 0 and plan[cell] == 0 and instance[cell] == FREE
            if is_open and _extends(plan, size, cell, tip, chain, chains):
                return False
    return stop != _MET


@kernel()
def check(
    instances: Grids, plans: Grids, size: int, shortest: bool, violation_weight: float, dead_end_weight: float
) -> tuple[NDArray[np.float64], Cells, Counts, Counts, Counts]:
    """The fields of `Checks`."""
    batch = len(plans)
    score, solved = np.empty(batch), np.empty(batch, np.bool_)
    filled, violations, dead_ends = np.zeros(batch, np.int64), np.zeros(batch, np.int64), np.zeros(batch, np.int64)
    chains = np.empty(size * size, np.int8)
    for b in range(batch):
        instance, plan = instances[b], plans[b]
        from_start, from_goal = _grow_both(plan, size, find(instance, START), find(instance, GOAL), chains)
        filled[b], length, violations[b] = _count(plan, size, chains)
        dead_ends[b] += _is_dead_end(instance, plan, size, from_start, _START_CHAIN, chains)
        dead_ends[b] += _is_dead_end(instance, plan, size, from_goal, _GOAL_CHAIN, chains)
        solved[b] = from_start[1] == _MET and violations[b] == 0
        if shortest and solved[b]:
            # Asked only of a finished path, so that the score never depends on a distance.
            solved[b] = filled[b] == path_lengths(instances[b : b + 1], size)[0]
        score[b] = length - violation_weight * violations[b] - dead_end_weight * dead_ends[b]
    return score, solved, filled, violations, dead_ends


@kernel()
def diagnose(instance: Grid, plan: Grid, size: int) -> tuple[Cells, Cells]:
    """Which cells of one state break a rule and which are tips of dead ends, each of shape (n_cells,)."""
    chains = np.empty(len(plan), np.int8)
    violating, dead = np.zeros(len(plan), np.bool_), np.zeros(len(plan), np.bool_)
    from_start, from_goal = _grow_both(plan, size, find(instance, START), find(instance, GOAL), chains)
    for cell in range(len(plan)):
        violating[cell] = plan[cell] == 1 and (chains[cell] == 0 or _marked_neighbours(plan, cell, size) > 2)
    dead[from_start[0]] |= _is_dead_end(instance, plan, size, from_start, _START_CHAIN, chains)
    dead[from_goal[0]] |= _is_dead_end(instance, plan, size, from_goal, _GOAL_CHAIN, chains)
    return violating, dead


@kernel()
def _allow_markings(instance: Grid, plan: Grid, size: int, mask: Cells) -> None:
    """Set `mask` where marking a free cell adds no violation.

    Only cells beside a tip that stopped at a gap are tried: a cell marked elsewhere lies on neither chain.
    """
    start, goal = find(instance, START), find(instance, GOAL)
    chains = np.empty(len(plan), np.int8)
    ends = _grow_both(plan, size, start, goal, chains)
    before = _count(plan, size, chains)[2]
    trial = plan.copy()
    for tip, stop in ends:
        for direction in range(4):
            cell = neighbour(tip, direction, size)
            if stop == _GAP and cell >= 0 and plan[cell] == 0 and instance[cell] == FREE:
                trial[cell] = 1
                _grow_both(trial, size, start, goal, chains)
                mask[cell] = _count(trial, size, chains)[2] <= before
                trial[cell] = 0


@kernel()
def action_mask(instances: Grids, plans: Grids, size: int, consistent: bool) -> Cells:
    """Legality of every toggle, shape (B, n_cells)."""
    mask = np.empty(instances.shape, np.bool_)
    for b in range(len(plans)):
        for cell in range(size * size):
            mask[b, cell] = instances[b, cell] == FREE and (not consistent or plans[b, cell] == 1)
        if consistent:
            _allow_markings(instances[b], plans[b], size, mask[b])
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
            legal[b] = instances[b, cell] == FREE
        if legal[b]:
            edited[b, cell] = 1 - plans[b, cell]
    return edited, legal
