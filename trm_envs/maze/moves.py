"""Where an agent in a maze may go, and how far it is from the goal as the crow flies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trm_envs.jit import kernel
from trm_envs.maze.paths import GOAL, WALL, Grid, find
from trm_envs.plan_edit.square import neighbour
from trm_envs.plan_edit.task import Grids

MOVES = ("up", "down", "left", "right")
"""What the moves are called, in the order of `neighbour`'s directions."""


@kernel()
def _onward(instance: Grid, at: int, move: int, size: int) -> int:
    """The cell that a move leads to, or -1 where it bumps into a wall, or there is no agent (`at` -1)."""
    cell = neighbour(at, move, size) if at >= 0 else -1
    return cell if cell >= 0 and instance[cell] != WALL else -1


@kernel()
def edit(instances: Grids, actions: NDArray[np.int64], size: int, plans: Grids, legal: NDArray[np.bool_]) -> None:
    """Move the agents of these plans in place, and say which moves were legal."""
    for b in range(len(plans)):
        at = find(plans[b], 1)
        cell = _onward(instances[b], at, actions[b], size)
        legal[b] = cell >= 0
        if cell >= 0:
            plans[b, at], plans[b, cell] = 0, 1


@kernel()
def action_mask(instances: Grids, plans: Grids, size: int) -> NDArray[np.bool_]:
    """Which moves lead to another cell, shape (B, 4)."""
    mask = np.empty((len(plans), 4), np.bool_)
    for b in range(len(plans)):
        at = find(plans[b], 1)
        for move in range(4):
            mask[b, move] = _onward(instances[b], at, move, size) >= 0
    return mask


@kernel()
def check(
    instances: Grids,
    plans: Grids,
    size: int,
    score: NDArray[np.float64],
    solved: NDArray[np.bool_],
    filled: NDArray[np.int64],
    violations: NDArray[np.int64],
    dead_ends: NDArray[np.int64],
) -> None:
    """Fill the fields of `Checks`: the score is minus the Manhattan distance; without an agent, less than any."""
    for b in range(len(plans)):
        at, goal = find(plans[b], 1), find(instances[b], GOAL)
        apart = abs(at // size - goal // size) + abs(at % size - goal % size) if at >= 0 else 2 * size
        score[b] = 0.0 - apart
        solved[b] = at == goal
        filled[b] = at >= 0
        violations[b] = dead_ends[b] = 0
