"""Start and goal drawn anew, any two cells of a maze that a path joins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trm_envs.instances.ranges import Range
from trm_envs.instances.sources import InstanceSource
from trm_envs.jit import kernel
from trm_envs.maze.paths import FREE, GOAL, START, WALL, Grid, distances

TRIES = 1000
"""Goals that are drawn before a range of lengths is given up as one that does not occur."""


@kernel()
def _redraw(maze: Grid, size: int, least: int, most: int, uniform: NDArray[np.float64]) -> bool:
    """Draw goal and start in place with two uniform numbers; False where no start is as far from the goal as asked."""
    cells = np.flatnonzero(maze != WALL)
    goal = cells[int(uniform[0] * len(cells))]
    lengths = distances(maze, goal, size) + 1
    starts = np.flatnonzero((lengths >= least) & (lengths <= most))
    if len(starts) == 0:
        return False
    for cell in cells:
        maze[cell] = FREE
    maze[goal] = GOAL
    maze[starts[int(uniform[1] * len(starts))]] = START
    return True


class AnyEnds(InstanceSource):
    """Mazes of another source with start and goal drawn anew.

    The goal is any open cell, and the start any other one from which a path leads there. A maze without such a pair
    gives way to the next.

    Args:
        source: where the mazes come from; a stateless one.
        size: side N.
        lengths: inclusive range of the cells of a shortest path, both ends counted.
    """

    def __init__(self, source: InstanceSource, size: int, lengths: Range = (2, None)) -> None:
        self.source, self.size = source, size
        least, most = lengths
        self.lengths = max(2, least), size * size if most is None else most

    def sample(self, rng: np.random.Generator) -> NDArray[np.int8]:
        """One maze, shape (N*N,).

        Raises:
            ValueError: no maze has ends that far apart.
        """
        for _ in range(TRIES):
            maze = self.source.sample(rng)
            if _redraw(maze, self.size, *self.lengths, rng.random(2)):
                return maze
        raise ValueError(
            f"no path of {self.lengths[0]} to {self.lengths[1]} cells was found in {TRIES} mazes of side {self.size}: "
            "choose another range"
        )
