"""Light Up pools: random minimal puzzles of one size, split by the hash of their symmetry orbit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trm_envs.light_up.generator import generate, is_minimal
from trm_envs.light_up.kernels import OPEN, ZERO
from trm_envs.light_up.solver import count_solutions, solve, undecided
from trm_envs.light_up.symmetry import orbit_keys
from trm_envs.light_up.text import format_puzzles, parse_puzzles
from trm_envs.plan_edit.task import Grids
from trm_envs.pools.drawn import DrawnPool, where

_BATCH = 256


@dataclass(frozen=True)
class LightUpPool(DrawnPool):
    """Random puzzles, no two of them symmetric to each other; training puzzles are made where they are needed.

    Attributes:
        name: name of the pool.
        size: side N.
        validation: number of validation puzzles.
        test: number of test puzzles.
        seed: seed of everything drawn.
    """

    name: str
    size: int
    validation: int
    test: int
    seed: int

    @property
    def family(self) -> str:
        """Pools of one size share their keys."""
        return f"light-up-{self.size}x{self.size}"

    @property
    def sizes(self) -> dict[str, int]:
        """Number of puzzles of each split."""
        return {"train": 0, "validation": self.validation, "test": self.test}

    def describe(self, lines: Sequence[str]) -> dict[str, Any]:
        """Return the ranges of open cells, numbers and bulbs, and how many puzzles forced cells do not solve."""
        puzzles = self._read(lines)
        counts = {
            "open_cells": (puzzles == OPEN).sum(axis=1),
            "numbers": (puzzles >= ZERO).sum(axis=1),
            "bulbs": solve(puzzles)[0].sum(axis=1),
        }
        facts = {name: [int(of.min()), int(of.max())] if len(of) else [] for name, of in counts.items()}
        return {**facts, "orbits": len(set(self.keys(lines))), "beyond_forced": int((undecided(puzzles) > 0).sum())}

    def _drawn(self, rng: np.random.Generator) -> Grids:
        return generate(self.size, _BATCH, rng)

    def _written(self, instances: Grids) -> list[str]:
        return format_puzzles(instances)

    def _read(self, lines: Sequence[str]) -> Grids:
        if not lines:
            return np.zeros((0, self.size * self.size), np.int8)
        return parse_puzzles(lines, self.size, self.name)

    def _orbits(self, instances: Grids) -> list[int]:
        """Under rotation and reflection."""
        return orbit_keys(instances)

    def _faults(self, instances: Grids) -> Iterable[tuple[int, str]]:
        """More solutions than one, or none, and numbers to spare."""
        unique, minimal = count_solutions(instances) == 1, is_minimal(instances)
        return where({"not exactly one solution": ~unique, "a number to spare": ~minimal})
