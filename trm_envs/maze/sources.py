"""Where the mazes of an environment come from: a shipped pool, the user, or the generator."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import Any

import numpy as np

from trm_envs import pools
from trm_envs.maze.generator import BRAID, check_size, generate
from trm_envs.maze.symmetry import orbit_keys
from trm_envs.maze.text import parse_mazes, read_mazes
from trm_envs.plan_edit.instances import GeneratedInstances, InstancePool, InstanceSource
from trm_envs.plan_edit.task import Grids
from trm_envs.pools.source import split_of_key

POOL_SIZES = (5, 9, 15, 31)
"""Sides for which pools are shipped."""


def maze_source(size: int, options: Mapping[str, Any]) -> InstanceSource:
    """The mazes that the keywords of an environment ask for.

    Args:
        size: side N.
        options: those of `MazeOptions`; `braid`, `split`, `puzzles` and `generate` are looked at.

    Raises:
        ValueError: no pool has this size, it cannot be generated, or a maze of the user's is bad.
    """
    braid = options.get("braid")
    if options.get("puzzles") is not None:
        if braid is not None:
            raise ValueError(f"braid={braid} chooses among shipped or generated mazes; leave it out with puzzles=")
        return InstancePool(read_mazes(options["puzzles"], size))
    if options.get("generate", False):
        return GeneratedInstances(partial(training_mazes, check_size(size), braid))
    if size not in POOL_SIZES:
        raise ValueError(f"pools of mazes are shipped for the sizes {POOL_SIZES}, not {size}: give generate or puzzles")
    kinds = ("perfect", "braided") if braid is None else ("braided",) if braid else ("perfect",)
    split = options.get("split", "train")
    return InstancePool(np.concatenate([_pool(f"maze-{size}x{size}-{kind}", split, size) for kind in kinds]))


@cache
def _pool(name: str, split: str, size: int) -> Grids:
    """Parsed once a process: many environments share it."""
    mazes, _ = parse_mazes(pools.load(name, split), size, name)
    mazes.setflags(write=False)
    return mazes


def training_mazes(size: int, braid: bool | None, count: int, rng: np.random.Generator) -> Grids:
    """New mazes, int8 of shape (count, N*N), none of them symmetric to a maze of a validation or test pool.

    Args:
        size: side N, odd, at least 5.
        braid: as the environments' keyword.
        count: number of mazes.
        rng: source of all randomness.
    """
    mazes = np.empty((count, size * size), np.int8)
    for index in range(count):
        is_training = False
        while not is_training:
            loops = bool(rng.integers(2)) if braid is None else braid
            maze = generate(size, 1, rng, BRAID if loops else 0.0)
            is_training = split_of_key(orbit_keys(maze)[0]) == "train"
        mazes[index] = maze[0]
    return mazes
