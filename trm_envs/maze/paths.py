"""Cells of a maze, shortest paths, and what is wrong with a maze."""

from __future__ import annotations

from math import isqrt

import numpy as np
from numpy.typing import NDArray

from trm_envs.jit import kernel
from trm_envs.plan_edit.square import neighbour
from trm_envs.plan_edit.task import Grids

Grid = NDArray[np.int8]
"""One flat row-major grid, shape (n_cells,)."""

FREE, WALL, START, GOAL = range(4)
"""The values of an instance cell."""


@kernel()
def find(instance: Grid, value: int) -> int:
    """The first cell of this value, or -1."""
    for cell in range(len(instance)):
        if instance[cell] == value:
            return cell
    return -1


@kernel()
def _search(instance: Grid, source: int, size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Breadth-first search: steps to every cell, and the cell that each was reached from; -1 = none, (n_cells,)."""
    steps, before = np.full(len(instance), -1, np.int64), np.full(len(instance), -1, np.int64)
    queue = np.empty(len(instance), np.int64)
    queue[0], head, tail = source, 0, 1
    steps[source] = 0
    while head < tail:
        cell = queue[head]
        head += 1
        for direction in range(4):
            other = neighbour(cell, direction, size)
            if other >= 0 and instance[other] != WALL and steps[other] < 0:
                steps[other], before[other] = steps[cell] + 1, cell
                queue[tail] = other
                tail += 1
    return steps, before


@kernel()
def distances(instance: Grid, source: int, size: int) -> NDArray[np.int64]:
    """Steps from `source` to every cell by breadth-first search, shape (n_cells,); -1 = walled off."""
    return _search(instance, source, size)[0]


@kernel()
def path_lengths(instances: Grids, size: int) -> NDArray[np.int64]:
    """Cells on a shortest path from start to goal, both counted, shape (B,); 0 = there is no path."""
    lengths = np.empty(len(instances), np.int64)
    for b in range(len(instances)):
        lengths[b] = distances(instances[b], find(instances[b], START), size)[find(instances[b], GOAL)] + 1
    return lengths


@kernel()
def first_paths(instances: Grids, size: int) -> Grids:
    """One shortest path of each maze as a plan, 1 on its cells, shape (B, N*N); all 0 = there is no path.

    Of several it is the one that plain breadth-first search finds: from the start, neighbours tried above, below, left
    and right in turn, each cell entered from the cell that came to it first.
    """
    plans = np.zeros(instances.shape, np.int8)
    for b in range(len(instances)):
        steps, before = _search(instances[b], find(instances[b], START), size)
        cell = find(instances[b], GOAL)
        while cell >= 0 and steps[cell] >= 0:
            plans[b, cell] = 1
            cell = before[cell]
    return plans


def flaw(instance: NDArray[np.int8], least: int = 3) -> str | None:
    """What is wrong with a maze, flat and square, in words; None where nothing is.

    Args:
        instance: shape (N*N,).
        least: how many cells a path must have, 2 or 3; between adjacent ends there is nothing to mark.
    """
    if instance.min() < FREE or instance.max() > GOAL:
        return f"cells must be {FREE} free, {WALL} wall, {START} start or {GOAL} goal"
    for name, value in (("start", START), ("goal", GOAL)):
        if (count := int((instance == value).sum())) != 1:
            return f"there must be exactly one {name}, found {count}"
    length = path_lengths(instance[None], isqrt(len(instance)))[0]
    if length == 0:
        return "no path leads from start to goal"
    return "start and goal are adjacent, so there is nothing to edit" if length < least else None
