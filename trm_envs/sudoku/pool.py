"""Sudoku pools: 4x4 by enumerating every orbit of puzzles, larger ones by drawing random puzzles."""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import numpy as np

from trm_envs.pools.drawn import DrawnPool, where
from trm_envs.pools.source import SPLITS
from trm_envs.sudoku.generator import count_blanks, generate, generate_minimal, is_minimal, random_solutions
from trm_envs.sudoku.geometry import Grids
from trm_envs.sudoku.hard import climb, mean_guesses
from trm_envs.sudoku.solver import beyond_singles, count_solutions, solve
from trm_envs.sudoku.symmetry import apply_symmetry, canonical, invariant, random_symmetry
from trm_envs.sudoku.text import format_grids, parse_grid_lines

_BATCH = 256
# Draws from orbits of equal standing without meeting a new puzzle, before they count as used up.
_MAX_REPEATS = 1_000
# Searches that rate one puzzle for the description of a pool.
_RUNS = 8


@dataclass(frozen=True)
class SudokuPool(DrawnPool):
    """Random puzzles of one size with exactly one solution, split by the invariant of the solved grid.

    Attributes:
        name: name of the pool.
        size: N, 9, 16 or 25.
        blanks: (lo, hi) inclusive: each puzzle's number of blanks is uniform in it (minimal pools: accepted range).
        train: number of training puzzles.
        seed: seed of everything drawn.
        minimal: whether no given may be removable.
        held_out: number of validation puzzles and of test puzzles.
    """

    name: str
    size: int
    blanks: tuple[int, int]
    train: int
    seed: int
    minimal: bool = False
    held_out: int = 512

    @property
    def family(self) -> str:
        """Pools of one size share their keys."""
        return f"sudoku-{self.size}x{self.size}"

    @property
    def sizes(self) -> dict[str, int]:
        """Number of puzzles of each split."""
        return {"train": self.train, "validation": self.held_out, "test": self.held_out}

    def _drawn(self, rng: np.random.Generator) -> Grids:
        if self.minimal:
            return generate_minimal(self.size, _BATCH, rng, self.blanks)
        return generate(self.size, self.blanks, _BATCH, rng)

    def describe(self, lines: Sequence[str]) -> dict[str, Any]:
        """Return the range of blanks, the number of orbits and of puzzles that singles logic does not solve."""
        puzzles = self._read(lines)
        blanks = count_blanks(puzzles)
        return {
            "blanks": [int(blanks.min()), int(blanks.max())],
            "orbits": len(set(self.keys(lines))),
            "beyond_singles": int(beyond_singles(puzzles).sum()),
        }

    def _written(self, instances: Grids) -> list[str]:
        return format_grids(instances)

    def _read(self, lines: Sequence[str]) -> Grids:
        return parse_grid_lines(lines, self.size, self.name)

    def _orbits(self, instances: Grids) -> list[int]:
        """Under the symmetries of solved grids."""
        hashes: list[int] = invariant(solve(instances)[0]).tolist()
        return hashes

    def _faults(self, instances: Grids) -> Iterable[tuple[int, str]]:
        """More solutions than one, or none; other numbers of blanks; givens to spare, where none may be."""
        blanks = count_blanks(instances)
        return where(
            {
                "not exactly one solution": count_solutions(instances) != 1,
                f"blanks outside {self.blanks}": (blanks < self.blanks[0]) | (blanks > self.blanks[1]),
                "not minimal": ~is_minimal(instances) if self.minimal else np.zeros(len(instances), np.bool_),
            }
        )


@dataclass(frozen=True)
class HardSudokuPool(SudokuPool):
    """Minimal 9x9 puzzles beyond naked and hidden singles: a random one, then a hill-climbed one, in turn."""

    def generate(self) -> dict[str, list[str]]:
        """Draw random puzzles and fill the splits as the other pools do, then climb from every second puzzle."""
        splits = {}
        for index, (split, lines) in enumerate(super().generate().items()):
            starts = parse_grid_lines(lines[1::2], self.size, self.name)
            lines[1::2] = format_grids(climb(starts, np.random.default_rng([self.seed, index])))
            splits[split] = lines
        return splits

    def _drawn(self, rng: np.random.Generator) -> Grids:
        puzzles = super()._drawn(rng)
        return puzzles[beyond_singles(puzzles)]

    def describe(self, lines: Sequence[str]) -> dict[str, Any]:
        """Add the mean number of guesses of the random and of the climbed puzzles, rated anew."""
        guesses = mean_guesses(self._read(lines), _RUNS, np.random.default_rng(self.seed))
        kinds = {"random": guesses[0::2], "climbed": guesses[1::2]}
        means = {kind: round(float(of_kind.mean()), 2) for kind, of_kind in kinds.items()}
        return {**super().describe(lines), "mean_guesses": means}

    def problems(self, lines: Sequence[str]) -> list[str]:
        """Check also that naked and hidden singles solve no puzzle."""
        easy = np.flatnonzero(~beyond_singles(self._read(lines)))
        return super().problems(lines) + [f"line {index + 1}: solved by singles" for index in easy]


@dataclass(frozen=True)
class SudokuOrbitPool(SudokuPool):
    """4x4 puzzles: so few orbits exist that they are all enumerated, and whole orbits are dealt to the splits."""

    def orbits(self) -> Grids:
        """Return the canonical form of every uniquely solvable puzzle in the blank range, sorted, int8 (B, 16)."""
        # A thousand random grids meet both orbits of solved grids; every puzzle is symmetric to one of theirs.
        solved = np.unique(canonical(random_solutions(4, 1_000, np.random.default_rng(0))), axis=0)
        masks = (np.arange(1 << 16)[:, None] >> np.arange(16)) & 1
        blanks = 16 - masks.sum(axis=1)
        masks = masks[(blanks >= self.blanks[0]) & (blanks <= self.blanks[1])].astype(np.int8)
        puzzles = (solved[:, None] * masks).reshape(-1, 16)
        puzzles = puzzles[count_solutions(puzzles) == 1]
        if self.minimal:
            puzzles = puzzles[is_minimal(puzzles)]
        return np.unique(canonical(puzzles), axis=0)

    def generate(self) -> dict[str, list[str]]:
        """Deal the orbits to the splits, then draw members of each split's orbits by random symmetries."""
        rng = np.random.default_rng(self.seed)
        orbits = self.orbits()
        orbits = orbits[rng.permutation(len(orbits))]
        orbits = orbits[np.argsort(count_blanks(orbits), kind="stable")]
        # Dealing in the order of the blanks gives every split a third of each kind.
        dealt = {split: orbits[start::3] for start, split in enumerate(("train", "test", "validation"))}
        return {split: self._members(dealt[split], self.sizes[split], rng) for split in SPLITS}

    def _members(self, orbits: Grids, count: int, rng: np.random.Generator) -> list[str]:
        """Draw `count` distinct puzzles, going round the blank counts (minimal: all orbits) and their orbits."""
        strata = np.zeros(len(orbits)) if self.minimal else count_blanks(orbits)
        rounds = [cycle(orbits[strata == stratum]) for stratum in np.unique(strata)]
        lines: dict[str, None] = {}
        for stratum in islice(cycle(rounds), count):
            lines[self._new_member(stratum, lines, rng)] = None
        return list(lines)

    def _new_member(self, orbits: Iterator[Grids], known: Container[str], rng: np.random.Generator) -> str:
        for orbit in islice(orbits, _MAX_REPEATS):
            line = format_grids(apply_symmetry(orbit[None], *random_symmetry(4, rng)))[0]
            if line not in known:
                return line
        raise RuntimeError(f"{self.name}: no new puzzle in {_MAX_REPEATS} draws; its orbits have too few members")

    def keys(self, lines: Sequence[str]) -> list[Hashable]:
        """Return the canonical form of each puzzle."""
        return [form.tobytes() for form in canonical(self._read(lines))]

    def overlaps(self, splits: Mapping[str, Sequence[str]]) -> list[str]:
        """Say how many solved grids the splits share: 4x4 has only 288, in 2 orbits."""
        grids = {
            split: set(format_grids(solve(parse_grid_lines(lines, 4, self.name))[0])) for split, lines in splits.items()
        }
        return [
            f"{self.name}: {len(grids[split] & grids['train'])} of the {len(grids[split])} solved grids of {split} are "
            f"solved grids of train too (4x4 has only 288 solved grids, in 2 orbits; puzzle orbits are not shared)"
            for split in ("validation", "test")
        ]
