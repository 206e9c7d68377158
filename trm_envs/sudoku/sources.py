"""Where Sudoku puzzles come from: shipped pools, the user's own, or a generator."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trm_envs import pools
from trm_envs.instances.adaptive import Curriculum
from trm_envs.instances.sources import GeneratedInstances, InstancePool, InstanceSource
from trm_envs.plan_edit.problem import ProblemOptions
from trm_envs.pools.source import split_of_key
from trm_envs.sudoku.generator import count_blanks, generate, generate_minimal
from trm_envs.sudoku.geometry import Grids
from trm_envs.sudoku.hard import generate_hard
from trm_envs.sudoku.solver import solve
from trm_envs.sudoku.symmetry import canonical, invariant
from trm_envs.sudoku.text import parse_grid_lines, read_puzzles

Blanks = tuple[int, int] | Literal["minimal", "hard"]

DEFAULT_BLANKS: dict[int, Blanks] = {4: (6, 8), 9: (49, 56), 16: (90, 120), 25: (200, 250)}
"""Range of blank cells for each size, where none is asked for."""


class BlanksOptions(ProblemOptions, total=False):
    """Keywords of all Sudoku environments."""

    blanks: Blanks
    """Blank cells of an instance, an inclusive range, or `minimal` or `hard`."""


class SudokuOptions(BlanksOptions, total=False):
    """Keywords of the environments in which digits may be overwritten."""

    violation_weight: float
    """Checker weight w_v, 2 by default."""
    dead_end_weight: float
    """Checker weight w_z, 5 by default."""
    allow_erase: bool
    """Append one erase action a cell; False by default."""


def puzzle_source(size: int, options: BlanksOptions) -> InstanceSource:
    """The source that the keywords `puzzles`, `generate`, `split`, `blanks` and `curriculum` describe.

    Raises:
        ValueError: blanks that make no sense or that no shipped pool has, a curriculum that does not end in them, or a
            bad puzzle.
    """
    if options.get("puzzles") is not None:
        if "blanks" in options:
            raise ValueError("blanks chooses among shipped or generated puzzles: leave it out where puzzles= is given")
        return InstancePool(read_puzzles(options["puzzles"], size))
    blanks = _checked(options.get("blanks", DEFAULT_BLANKS[size]), size)
    if options.get("curriculum") is None:
        return _source(size, blanks, options)
    return Curriculum([_source(size, stage, options) for stage in _stages(options["curriculum"], blanks, size)])


def _source(size: int, blanks: Blanks, options: BlanksOptions) -> InstanceSource:
    """Puzzles with as many blanks, generated or shipped."""
    if options.get("generate"):
        return GeneratedInstances(_generator(size, blanks))
    return InstancePool(_shipped(size, blanks, options.get("split", "train")))


def _stages(curriculum: Any, blanks: Blanks, size: int) -> list[Blanks]:
    """The blanks of each stage; the last are those that the environment is about, so that scores keep their meaning."""
    try:
        stages = [_checked(stage, size) for stage in curriculum]
    except (TypeError, ValueError) as error:
        raise ValueError(f"curriculum must be a sequence of values of blanks, got {curriculum!r}: {error}") from None
    if not stages or stages[-1] != blanks:
        raise ValueError(
            f"curriculum={curriculum!r} must end in blanks={blanks!r}, the puzzles that the environment is about: "
            "append that stage, or set blanks to the last one"
        )
    return stages


def _checked(blanks: Any, size: int) -> Blanks:
    """A well-formed value of `blanks`; a list will do for a tuple, since that is what JSON makes of it."""
    if isinstance(blanks, str) and blanks == "minimal":
        return "minimal"
    if isinstance(blanks, str) and blanks == "hard":
        if size != 9:
            raise ValueError(f"blanks='hard' is for 9x9 puzzles, not {size}x{size}: give blanks=(least, most)")
        return "hard"
    try:
        least, most = (operator.index(bound) for bound in blanks)
    except (TypeError, ValueError):
        raise ValueError(f"blanks must be 'minimal', 'hard' or two integers (least, most), got {blanks!r}") from None
    if not 1 <= least <= most <= size * size:
        raise ValueError(f"blanks must be (least, most) with 1 <= least <= most <= {size * size}, got {blanks!r}")
    return least, most


def _generator(size: int, blanks: Blanks) -> Any:
    """A picklable function (count, rng) -> puzzles."""
    if blanks == "minimal" and size > 9:
        raise ValueError(f"minimal {size}x{size} puzzles take too long to generate: give blanks=(least, most)")
    return partial(training_puzzles, size, blanks)


def training_puzzles(size: int, blanks: Blanks, count: int, rng: np.random.Generator) -> Grids:
    """New puzzles, int8 of shape (count, N*N), none of them symmetric to a puzzle of a validation or test pool.

    Args:
        size: side N, one of 4, 9, 16, 25.
        blanks: as the environments' keyword.
        count: how many.
        rng: what they are drawn with.
    """
    if blanks == "hard":
        draw: Callable[[int, np.random.Generator], Grids] = generate_hard
    else:
        draw = partial(generate_minimal, size) if blanks == "minimal" else partial(generate, size, blanks)
    kept: list[NDArray[np.int8]] = []
    while len(kept) < count:
        drawn = draw(count - len(kept), rng)
        kept.extend(drawn[_belongs_to_training(drawn, size)])
    return np.stack(kept)


def _belongs_to_training(puzzles: Grids, size: int) -> NDArray[np.bool_]:
    """Whether the orbit of each puzzle is none of the held-out ones, by the rule that split the pools."""
    if size == 4:
        held_out = _held_out_orbits()
        return np.array([form.tobytes() not in held_out for form in canonical(puzzles)])
    return np.array([split_of_key(int(key)) == "train" for key in invariant(solve(puzzles)[0])])


@cache
def _held_out_orbits() -> frozenset[bytes]:
    """Canonical forms of all 4x4 validation and test puzzles."""
    names = [name for name in pools.manifest() if name.startswith("sudoku-4x4-")]
    grids = np.concatenate([_load(name, 4, split) for name in names for split in ("validation", "test")])
    return frozenset(form.tobytes() for form in canonical(grids))


def _ranges(size: int) -> dict[str, tuple[int, int]]:
    """Blank counts of the shipped pools that are named after a range, by name."""
    prefix = f"sudoku-{size}x{size}-"
    names = [name for name in pools.manifest() if name.startswith(prefix) and name[-1].isdecimal()]
    bounds = {name: name.removeprefix(prefix).split("-") for name in names}
    return {name: (int(least), int(most)) for name, (least, most) in bounds.items()}


def _named(size: int) -> list[str]:
    """The other values of `blanks` that have a shipped pool."""
    return [name for name in ("minimal", "hard") if f"sudoku-{size}x{size}-{name}" in pools.manifest()]


def _shipped(size: int, blanks: Blanks, split: str) -> Grids:
    """All shipped puzzles of a split that have as many blanks."""
    if isinstance(blanks, str):
        if blanks not in _named(size):
            raise ValueError(f"there is no shipped pool of {blanks} {size}x{size} puzzles: give blanks=(least, most)")
        return _load(f"sudoku-{size}x{size}-{blanks}", size, split)
    least, most = blanks
    ranges = _ranges(size)
    covered = {count for low, high in ranges.values() for count in range(low, high + 1)}
    there = ", ".join(map(repr, [*ranges.values(), *_named(size)]))
    if not covered.issuperset(range(least, most + 1)):
        raise ValueError(
            f"no shipped {size}x{size} pool covers blanks={blanks!r}; there are {there}: "
            "choose within them, or pass generate=True to make puzzles on the fly"
        )
    overlapping = [name for name, (low, high) in ranges.items() if low <= most and least <= high]
    puzzles = np.concatenate([_load(name, size, split) for name in overlapping])
    counts = count_blanks(puzzles)
    chosen: Grids = puzzles[(counts >= least) & (counts <= most)]
    if len(chosen) == 0:
        raise ValueError(
            f"the {split} split holds no {size}x{size} puzzle with blanks={blanks!r} (pools: {there}): "
            "widen the range, or pass generate=True to make puzzles on the fly"
        )
    return chosen


@cache
def _load(pool: str, size: int, split: str) -> Grids:
    """One split of a shipped pool; read once a process and therefore locked."""
    puzzles = parse_grid_lines(pools.load(pool, split), size, f"pool {pool}, {split}")
    puzzles.setflags(write=False)
    return puzzles
