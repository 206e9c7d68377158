"""Which mazes are one and the same: rotated, reflected, or with start and goal swapped."""

from __future__ import annotations

from math import isqrt

import numpy as np

from trm_envs.maze.paths import FREE, WALL
from trm_envs.plan_edit.square import least_keys, turns
from trm_envs.plan_edit.task import Grids

_SWAP_ENDS = np.array([0, 1, 3, 2], np.int8)


def variants(mazes: Grids) -> Grids:
    """The 16 symmetric forms of each maze, shape (16, B, N*N): 4 rotations, each reflected or not, ends swapped or not.

    Args:
        mazes: shape (B, N*N), int8.
    """
    spatial = mazes[:, turns(isqrt(mazes.shape[1]))].swapaxes(0, 1)
    return np.concatenate([spatial, _SWAP_ENDS[spatial]])


def orbit_keys(mazes: Grids) -> list[int]:
    """A 64-bit hash of each maze's canonical form, the least of its variants: equal for symmetric mazes.

    Args:
        mazes: shape (B, N*N), int8.
    """
    return least_keys(variants(mazes))


def wall_keys(mazes: Grids) -> list[int]:
    """`orbit_keys` of the walls alone: equal also for mazes that differ in start and goal.

    Args:
        mazes: shape (B, N*N), int8.
    """
    return orbit_keys(np.where(mazes == WALL, WALL, FREE).astype(np.int8))
