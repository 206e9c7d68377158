"""Maze pools: random mazes of one size and kind, split by the hash of their symmetry orbit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trm_envs.maze.generator import generate, least_path, scatter, shortest_path_length
from trm_envs.maze.paths import WALL, flaw
from trm_envs.maze.symmetry import orbit_keys
from trm_envs.maze.text import format_mazes, parse_mazes
from trm_envs.plan_edit.task import Grids
from trm_envs.pools.drawn import DrawnPool, where
from trm_envs.pools.source import SPLITS, split_of_key

_BATCH = 256
# Mazes drawn to meet every 5x5 one: at 8e5 there are no more of them (4,928 perfect, 3,072 braided) than at this many.
_ENUMERATION = 200_000


@dataclass(frozen=True)
class MazePool(DrawnPool):
    """Random mazes, no two of them symmetric to each other.

    Attributes:
        name: name of the pool.
        size: side N, odd.
        braid: share of the dead ends opened into loops; 0 for perfect mazes.
        train: number of training mazes.
        seed: seed of everything drawn.
        held_out: number of validation mazes and of test mazes.
    """

    name: str
    size: int
    braid: float
    train: int
    seed: int
    held_out: int = 512

    @property
    def family(self) -> str:
        """Pools of one size share their keys."""
        return f"maze-{self.size}x{self.size}"

    @property
    def sizes(self) -> dict[str, int]:
        """Number of mazes of each split, where there are so many."""
        return {"train": self.train, "validation": self.held_out, "test": self.held_out}

    def _drawn(self, rng: np.random.Generator) -> Grids:
        return generate(self.size, _BATCH, rng, self.braid)

    def describe(self, lines: Sequence[str]) -> dict[str, Any]:
        """Return the range and the mean of the shortest path's cells, and the number of orbits."""
        lengths = shortest_path_length(self._read(lines))
        return {
            "path_cells": [int(lengths.min()), int(lengths.max())],
            "mean_path_cells": round(float(lengths.mean()), 2),
            "orbits": len(set(self.keys(lines))),
        }

    def _written(self, instances: Grids) -> list[str]:
        return format_mazes(instances)

    def _read(self, lines: Sequence[str]) -> Grids:
        return parse_mazes(lines, self.size, self.name)

    def _orbits(self, instances: Grids) -> list[int]:
        """Under rotation, reflection and swapping start and goal."""
        return orbit_keys(instances)

    def _faults(self, instances: Grids) -> Iterator[tuple[int, str]]:
        """Mazes that cannot be solved, and what `_broken` says."""
        yield from ((row, fault) for row, maze in enumerate(instances) if (fault := flaw(maze)))
        yield from where(self._broken(instances))

    def _broken(self, mazes: Grids) -> dict[str, NDArray[np.bool_]]:
        """What else may be wrong with mazes, and with which of them it is."""
        # A connected maze is perfect when its R rooms are joined by R - 1 doors.
        loops = (mazes != WALL).sum(axis=1) > 2 * ((self.size + 1) // 2) ** 2 - 1
        return {
            "not of the promised kind (perfect or braided)": loops != (self.braid > 0),
            f"path of fewer than {self.size} cells": shortest_path_length(mazes) < self.size,
        }


@dataclass(frozen=True)
class MazeOrbitPool(MazePool):
    """5x5 mazes: so few exist that all are met; splits share no orbit, but hold several mazes of one."""

    def generate(self) -> dict[str, list[str]]:
        """Draw until every maze was met, and deal the mazes in random order to the splits that own their orbits."""
        rng = np.random.default_rng(self.seed)
        mazes = rng.permutation(np.unique(generate(self.size, _ENUMERATION, rng, self.braid), axis=0))
        owners = np.array([split_of_key(key) for key in orbit_keys(mazes)])
        return {split: format_mazes(mazes[owners == split][: self.sizes[split]]) for split in SPLITS}


class ScatteredMazePool(MazePool):
    """Mazes of scattered walls, in which many shortest paths join the ends as a rule; `braid` means nothing."""

    def _drawn(self, rng: np.random.Generator) -> Grids:
        # Mazes of 30x30 take a tenth of a second each.
        return scatter(self.size, 16, rng)

    def _broken(self, mazes: Grids) -> dict[str, NDArray[np.bool_]]:
        least = least_path(self.size)
        return {f"path of fewer than {least} cells": shortest_path_length(mazes) < least}
