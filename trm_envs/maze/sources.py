"""Where the mazes of an environment come from: a shipped pool, the user, or the generator."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from functools import cache, partial
from math import isqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trm_envs import pools
from trm_envs.maze.generator import BRAID, check_size, generate
from trm_envs.maze.paths import WALL, path_lengths
from trm_envs.maze.symmetry import orbit_keys
from trm_envs.maze.text import parse_mazes, read_mazes
from trm_envs.plan_edit.adaptive import Curriculum
from trm_envs.plan_edit.instances import GeneratedInstances, InstancePool, InstanceSource
from trm_envs.plan_edit.task import Grids
from trm_envs.pools.source import split_of_key

Lengths = tuple[int, int | None]
"""Inclusive range of path lengths; None: no upper limit."""


class Stage(NamedTuple):
    """Mazes of a curriculum."""

    side: int
    """Of the mazes; walls surround those that are smaller than the grid."""
    lengths: Lengths | None = None
    """Of their shortest paths; None: all."""


POOL_SIZES = (5, 9, 15, 31)
"""Sides for which pools are shipped."""


def maze_source(size: int, options: Mapping[str, Any]) -> InstanceSource:
    """The mazes that the keywords of an environment ask for.

    Args:
        size: side N.
        options: those of `MazeOptions`; `braid`, `split`, `puzzles`, `generate` and `curriculum` are looked at.

    Raises:
        ValueError: no pool has this size, it cannot be generated, a stage of the curriculum makes no sense or has no
            maze, or a maze of the user's is bad.
    """
    braid = options.get("braid")
    if options.get("puzzles") is not None:
        if braid is not None:
            raise ValueError(f"braid={braid} chooses among shipped or generated mazes; leave it out with puzzles=")
        return InstancePool(read_mazes(options["puzzles"], size))
    generated = bool(options.get("generate", False))
    if options.get("curriculum") is not None:
        stages = _stages(options["curriculum"], size)
        return Curriculum([_source_of(stage, size, braid, generated) for stage in stages])
    if generated:
        return GeneratedInstances(partial(training_mazes, check_size(size), braid))
    return InstancePool(_pools(size, braid, options.get("split", "train")))


def walled_in(mazes: Grids, size: int, rng: np.random.Generator) -> Grids:
    """The same mazes, each at a random place of a grid of walls, int8 of shape (n, size * size).

    Args:
        mazes: shape (n, side * side), int8, side <= size.
        size: side N of the grid.
        rng: source of the places.
    """
    side = isqrt(mazes.shape[1])
    if side == size:
        return mazes
    grids = np.full((len(mazes), size, size), WALL, np.int8)
    places = rng.integers(size - side + 1, size=(len(mazes), 2))
    for grid, maze, (row, column) in zip(grids, mazes, places, strict=True):
        grid[row : row + side, column : column + side] = maze.reshape(side, side)
    return grids.reshape(len(mazes), -1)


def _stages(curriculum: Any, size: int) -> list[Stage]:
    """Well-formed stages; lists will do for tuples, since that is what JSON makes of them."""
    try:
        stages = [_stage(stage, size) for stage in curriculum]
    except (TypeError, ValueError):
        raise ValueError(
            f"curriculum must be a sequence of sides of mazes and of ranges of the shortest path's length, "
            f"(least, most), where most may be None, got {curriculum!r}"
        ) from None
    if larger := [stage.side for stage in stages if stage.side > size]:
        raise ValueError(f"the side of a stage of curriculum must be at most that of the grid, {size}, got {larger[0]}")
    return stages


def _stage(stage: Any, size: int) -> Stage:
    """A side, or a range of path lengths."""
    if isinstance(stage, int):
        return Stage(stage)
    least, most = stage
    return Stage(size, (operator.index(least), None if most is None else operator.index(most)))


def _source_of(stage: Stage, size: int, braid: bool | None, generated: bool) -> InstanceSource:
    """The mazes of a stage; ValueError where it has none."""
    mazes = _usual_mazes(check_size(stage.side), braid) if generated else _pools(stage.side, braid, "train")
    if stage.lengths is not None:
        lengths = path_lengths(mazes, stage.side)
        mazes = mazes[_within(lengths, stage.lengths)]
        if len(mazes) == 0:
            raise ValueError(
                f"no maze belongs to the stage {stage.lengths!r} of curriculum: the shortest paths of these "
                f"{size}x{size} mazes have {lengths.min()} to {lengths.max()} cells, start and goal included"
            )
    if generated:
        return GeneratedInstances(partial(_generated, stage, size, braid))
    # The same places in every process.
    return InstancePool(walled_in(mazes, size, np.random.default_rng(0)))


def _generated(stage: Stage, size: int, braid: bool | None, count: int, rng: np.random.Generator) -> Grids:
    """New mazes of a stage, shape (count, size * size)."""
    return walled_in(training_mazes(stage.side, braid, count, rng, stage.lengths), size, rng)


def _within(lengths: NDArray[np.int64], bounds: Lengths) -> NDArray[np.bool_]:
    """Which lengths are within an inclusive range."""
    least, most = bounds
    return (lengths >= least) & (lengths <= (np.inf if most is None else most))


@cache
def _usual_mazes(size: int, braid: bool | None) -> Grids:
    """A few hundred generated mazes: a stage that has none of them would be generated forever."""
    return training_mazes(size, braid, 400, np.random.default_rng(0))


def _pools(size: int, braid: bool | None, split: str) -> Grids:
    """The shipped mazes of a side; ValueError where there are none."""
    if size not in POOL_SIZES:
        raise ValueError(f"pools of mazes are shipped for the sizes {POOL_SIZES}, not {size}: give generate or puzzles")
    kinds = ("perfect", "braided") if braid is None else ("braided",) if braid else ("perfect",)
    return np.concatenate([_pool(f"maze-{size}x{size}-{kind}", split, size) for kind in kinds])


@cache
def _pool(name: str, split: str, size: int) -> Grids:
    """Parsed once a process: many environments share it."""
    mazes, _ = parse_mazes(pools.load(name, split), size, name)
    mazes.setflags(write=False)
    return mazes


def training_mazes(
    size: int, braid: bool | None, count: int, rng: np.random.Generator, lengths: Lengths | None = None
) -> Grids:
    """New mazes, int8 of shape (count, N*N), none of them symmetric to a maze of a validation or test pool.

    Args:
        size: side N, odd, at least 5.
        braid: as the environments' keyword.
        count: number of mazes.
        rng: source of all randomness.
        lengths: inclusive range of the cells of a shortest path, both ends counted; it must be one that occurs.
    """
    mazes = np.empty((count, size * size), np.int8)
    for index in range(count):
        is_training = False
        while not is_training:
            loops = bool(rng.integers(2)) if braid is None else braid
            maze = generate(size, 1, rng, BRAID if loops else 0.0)
            fits = lengths is None or bool(_within(path_lengths(maze, size), lengths)[0])
            is_training = fits and split_of_key(orbit_keys(maze)[0]) == "train"
        mazes[index] = maze[0]
    return mazes
