"""Where the mazes of an environment come from: a shipped pool, the user, or the generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial

import numpy as np

from trm_envs import pools
from trm_envs.instances.adaptive import Curriculum
from trm_envs.instances.ranges import Range, members, ranges, within
from trm_envs.instances.sources import GeneratedInstances, InstancePool, InstanceSource
from trm_envs.maze.generator import BRAID, check_size, generate, scatter
from trm_envs.maze.paths import path_lengths
from trm_envs.maze.symmetry import orbit_keys
from trm_envs.maze.text import parse_mazes, read_mazes
from trm_envs.plan_edit.problem import ProblemOptions
from trm_envs.plan_edit.task import Grids
from trm_envs.pools.source import SPLITS, split_of_key

POOL_SIZES: tuple[int, ...] = (5, 7, 9, 11, 15, 31)
"""Sides for which pools of corridors are shipped."""

SCATTERED_SIZES: tuple[int, ...] = (9, 15, 30)
"""Sides for which pools of scattered walls are shipped."""

PATH_LENGTH = "the length of a shortest path, start and goal included,"


class BraidOptions(ProblemOptions, total=False):
    """Keywords of all environments on mazes."""

    braid: bool | None
    """False: perfect mazes, True: mazes with loops, None (default): both, half and half."""
    scattered: bool
    """Walls are scattered at random instead of leaving corridors; False by default."""


class MazeOptions(BraidOptions, total=False):
    """Keywords of the environments that mark a path."""

    shortest: bool
    """Only a shortest path solves the maze; False by default."""
    violation_weight: float
    """Checker weight w_v, 2 by default."""
    dead_end_weight: float
    """Checker weight w_z, 0 by default."""


def maze_source(
    size: int, options: BraidOptions, *, keys: Callable[[Grids], list[int]] = orbit_keys, least: int = 3
) -> InstanceSource:
    """The mazes that the keywords of an environment ask for.

    Args:
        size: side N.
        options: `braid`, `split`, `puzzles`, `generate` and `curriculum` are looked at.
        keys: what makes mazes the same. By other keys than the pools', the mazes of all splits are dealt anew.
        least: how many cells a path of the user's mazes must have, 2 or 3.

    Raises:
        ValueError: no pool has this size, it cannot be generated, a stage of the curriculum makes no sense or has no
            maze, or a maze of the user's is bad.
    """
    braid, scattered = options.get("braid"), options.get("scattered", False)
    if braid is not None and scattered:
        raise ValueError(f"braid={braid} is about corridors, and scattered walls leave none; leave one of them out")
    if options.get("puzzles") is not None:
        if braid is not None:
            raise ValueError(f"braid={braid} chooses among shipped or generated mazes; leave it out with puzzles=")
        return InstancePool(read_mazes(options["puzzles"], size, least))
    curriculum = options.get("curriculum")
    stages = None if curriculum is None else ranges(curriculum, PATH_LENGTH)
    if options.get("generate", False):
        check_size(size, scattered)
        generated = partial(training_mazes, size, braid, keys=keys, scattered=scattered)
        if stages is None:
            return GeneratedInstances(generated)
        _choose(_usual_mazes(size, braid, scattered), size, stages)
        return Curriculum([GeneratedInstances(partial(generated, lengths=stage)) for stage in stages])
    mazes = _shipped(size, options, keys)
    if stages is None:
        return InstancePool(mazes)
    return Curriculum([InstancePool(chosen) for chosen in _choose(mazes, size, stages)])


def _shipped(size: int, options: BraidOptions, keys: Callable[[Grids], list[int]]) -> Grids:
    """The mazes of the pools that the keywords ask for."""
    braid, scattered = options.get("braid"), options.get("scattered", False)
    shipped, kinds = POOL_SIZES, ("perfect", "braided") if braid is None else ("braided",) if braid else ("perfect",)
    if scattered:
        shipped, kinds = SCATTERED_SIZES, ("scattered",)
    if size not in shipped:
        walls = "scattered walls" if scattered else "corridors"
        raise ValueError(f"mazes of {walls} are shipped for the sizes {shipped}, not {size}: give generate or puzzles")
    split = options.get("split", "train")
    return np.concatenate([_dealt(f"maze-{size}x{size}-{kind}", split, size, keys) for kind in kinds])


def _choose(mazes: Grids, size: int, stages: Sequence[Range]) -> list[Grids]:
    """The mazes of each stage; ValueError where a stage has none."""
    rows = members(path_lengths(mazes, size), stages, f"{size}x{size} maze", PATH_LENGTH)
    return [mazes[chosen] for chosen in rows]


@cache
def _usual_mazes(size: int, braid: bool | None, scattered: bool) -> Grids:
    """A few hundred generated mazes: a stage that has none of them would be generated forever."""
    return training_mazes(size, braid, 400, np.random.default_rng(0), scattered=scattered)


@cache
def _dealt(name: str, split: str, size: int, keys: Callable[[Grids], list[int]]) -> Grids:
    """The mazes of a pool that belong to a split by these keys."""
    if keys is orbit_keys:
        return _pool(name, split, size)
    mazes = np.concatenate([_pool(name, each, size) for each in SPLITS])
    owners = np.array([split_of_key(key) for key in keys(mazes)])
    dealt: Grids = mazes[owners == split]
    dealt.setflags(write=False)
    return dealt


@cache
def _pool(name: str, split: str, size: int) -> Grids:
    """Parsed once a process: many environments share it."""
    mazes = parse_mazes(pools.load(name, split), size, name)
    mazes.setflags(write=False)
    return mazes


def training_mazes(
    size: int,
    braid: bool | None,
    count: int,
    rng: np.random.Generator,
    lengths: Range | None = None,
    keys: Callable[[Grids], list[int]] = orbit_keys,
    scattered: bool = False,
) -> Grids:
    """New mazes, int8 of shape (count, N*N), none of them symmetric to a maze of a validation or test pool.

    Args:
        size: side N, odd and at least 5, or 5 to 30 with scattered walls.
        braid: as the environments' keyword.
        count: number of mazes.
        rng: source of all randomness.
        lengths: inclusive range of the cells of a shortest path, both ends counted; it must be one that occurs.
        keys: what makes mazes the same.
        scattered: as the environments' keyword.
    """
    mazes = np.empty((count, size * size), np.int8)
    for index in range(count):
        is_training = False
        while not is_training:
            maze = scatter(size, 1, rng) if scattered else _corridors(size, braid, rng)
            fits = lengths is None or bool(within(path_lengths(maze, size), lengths)[0])
            is_training = fits and split_of_key(keys(maze)[0]) == "train"
        mazes[index] = maze[0]
    return mazes


def _corridors(size: int, braid: bool | None, rng: np.random.Generator) -> Grids:
    loops = bool(rng.integers(2)) if braid is None else braid
    return generate(size, 1, rng, BRAID if loops else 0.0)
