"""Light Up pools: random minimal puzzles of one size, split by the hash of their symmetry orbit."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trm_envs.light_up.generator import generate, is_minimal
from trm_envs.light_up.kernels import OPEN, ZERO
from trm_envs.light_up.solver import count_solutions, solve, undecided
from trm_envs.light_up.symmetry import orbit_keys
from trm_envs.light_up.text import format_puzzles, parse_puzzles
from trm_envs.plan_edit.task import Grids
from trm_envs.pools.source import fill_splits

_BATCH = 256


@dataclass(frozen=True)
class LightUpPool:
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

    def generate(self) -> dict[str, list[str]]:
        """Draw puzzles, each of another orbit, until every split is full."""
        rng = np.random.default_rng(self.seed)

        def draw() -> tuple[list[str], list[int]]:
            puzzles = generate(self.size, _BATCH, rng)
            return format_puzzles(puzzles), orbit_keys(puzzles)

        return fill_splits(self.sizes, draw)

    def describe(self, lines: Sequence[str]) -> dict[str, Any]:
        """Return the ranges of open cells, numbers and bulbs, and how many puzzles forced cells do not solve."""
        puzzles = self._parse(lines)
        counts = {
            "open_cells": (puzzles == OPEN).sum(axis=1),
            "numbers": (puzzles >= ZERO).sum(axis=1),
            "bulbs": solve(puzzles)[0].sum(axis=1),
        }
        facts = {name: [int(of.min()), int(of.max())] if len(of) else [] for name, of in counts.items()}
        return {**facts, "orbits": len(set(self.keys(lines))), "beyond_forced": int((undecided(puzzles) > 0).sum())}

    def keys(self, lines: Sequence[str]) -> list[Hashable]:
        """Return the hash of each puzzle's orbit under rotation and reflection."""
        return list(orbit_keys(self._parse(lines)))

    def problems(self, lines: Sequence[str]) -> list[str]:
        """Check that every puzzle has one solution, can spare no number, and occurs once."""
        puzzles = self._parse(lines)
        faults = {"not exactly one solution": count_solutions(puzzles) != 1, "a number to spare": ~is_minimal(puzzles)}
        found = [f"line {index + 1}: {fault}" for fault, where in faults.items() for index in np.flatnonzero(where)]
        if len(set(lines)) < len(lines):
            found.append(f"{len(lines) - len(set(lines))} lines repeat another one")
        return found

    def overlaps(self, splits: Mapping[str, Sequence[str]]) -> list[str]:
        """Return nothing: the keys leave no symmetry out."""
        return []

    def _parse(self, lines: Sequence[str]) -> Grids:
        if not lines:
            return np.zeros((0, self.size * self.size), np.int8)
        return parse_puzzles(lines, self.size, self.name)
