"""Perfect mazes and the cells of their one path."""

from __future__ import annotations

from math import isqrt
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trm_envs.instances.sources import InstancePool
from trm_envs.maze.paths import GOAL, START, distances, find
from trm_envs.maze.sources import maze_source
from trm_envs.plan_edit.task import Grids


class Paths(NamedTuple):
    """Mazes and what is to be marked in them."""

    mazes: Grids
    """0 free, 1 wall, 2 start, 3 goal, shape (B, N * N), int8."""
    marked: NDArray[np.bool_]
    """Which cells lie on the path, start and goal included, shape (B, N * N)."""


def path_cells(mazes: Grids) -> NDArray[np.bool_]:
    """The cells of every shortest path from start to goal, shape (B, N * N); in a perfect maze there is one path."""
    side = isqrt(mazes.shape[1])
    marked = np.empty(mazes.shape, np.bool_)
    for row, maze in zip(marked, mazes, strict=True):
        start, goal = find(maze, START), find(maze, GOAL)
        there, back = distances(maze, start, side), distances(maze, goal, side)
        row[:] = (there >= 0) & (there + back == there[goal])
    return marked


def paths(size: int, split: Literal["train", "validation", "test"]) -> Paths:
    """A split of the pool of perfect mazes of a side.

    Raises:
        ValueError: there is no such pool.
    """
    source = maze_source(size, {"braid": False, "split": split})
    assert isinstance(source, InstancePool)
    mazes = source.instances.astype(np.int8)
    return Paths(mazes, path_cells(mazes))
