"""Where the puzzles of an environment come from: the generator, a shipped pool, or the user."""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from trm_envs import pools
from trm_envs.instances.adaptive import Curriculum
from trm_envs.instances.ranges import Range, members, ranges, within
from trm_envs.instances.sources import GeneratedInstances, InstancePool, InstanceSource
from trm_envs.light_up.generator import check_size, generate
from trm_envs.light_up.solver import undecided
from trm_envs.light_up.symmetry import orbit_keys
from trm_envs.light_up.text import parse_puzzles, read_puzzles
from trm_envs.plan_edit.problem import ProblemOptions
from trm_envs.plan_edit.task import Grids
from trm_envs.pools.source import split_of_key

POOL_SIZES = (7, 10)
"""Sides for which validation and test pools are shipped."""

_NUMBER = "the number of open cells that forced cells leave undecided"


class LightUpOptions(ProblemOptions, total=False):
    """Keywords of the Light Up environments."""

    violation_weight: float
    """Checker weight w_v, 2 by default."""
    dead_end_weight: float
    """Checker weight w_z, 5 by default."""


def light_up_source(size: int, options: LightUpOptions) -> InstanceSource:
    """The puzzles that the keywords of an environment ask for.

    Args:
        size: side N.
        options: those of `LightUpOptions`; `split`, `puzzles` and `curriculum` are looked at. Training puzzles are
            generated, with `generate` or without.

    Raises:
        ValueError: no pool has this size, it cannot be generated, a stage of the curriculum makes no sense or has no
            puzzle, or a puzzle of the user's is bad.
    """
    if options.get("puzzles") is not None:
        return InstancePool(read_puzzles(options["puzzles"], size))
    split = options.get("split", "train")
    if split != "train":
        if size not in POOL_SIZES:
            raise ValueError(f"pools of Light Up are shipped for the sizes {POOL_SIZES}, not {size}: give puzzles")
        return InstancePool(_pool(size, split))
    generated = partial(training_puzzles, check_size(size))
    if options.get("curriculum") is None:
        return GeneratedInstances(generated)
    stages = ranges(options["curriculum"], _NUMBER)
    members(undecided(_usual_puzzles(size)), stages, f"{size}x{size} puzzle", _NUMBER)
    return Curriculum([GeneratedInstances(partial(generated, undecided_cells=stage)) for stage in stages])


@cache
def _usual_puzzles(size: int) -> Grids:
    """Some hundred generated puzzles: a stage that has none of them would be generated forever."""
    return training_puzzles(size, 200, np.random.default_rng(0))


@cache
def _pool(size: int, split: str) -> Grids:
    """Parsed once a process: many environments share it."""
    name = f"light-up-{size}x{size}"
    puzzles = parse_puzzles(pools.load(name, split), size, name)
    puzzles.setflags(write=False)
    return puzzles


def training_puzzles(size: int, count: int, rng: np.random.Generator, undecided_cells: Range | None = None) -> Grids:
    """New puzzles, int8 of shape (count, N*N), none of them symmetric to a puzzle of a validation or test pool.

    Args:
        size: side N, at least 4.
        count: number of puzzles.
        rng: source of all randomness.
        undecided_cells: range of `undecided`; it must be one that occurs.
    """
    kept: list[Grids] = [np.empty((0, size * size), np.int8)]
    missing = count
    while missing:
        drawn = generate(size, missing, rng)
        fits = np.array([split_of_key(key) == "train" for key in orbit_keys(drawn)])
        if undecided_cells is not None:
            fits &= within(undecided(drawn), undecided_cells)
        kept.append(drawn[fits])
        missing -= int(fits.sum())
    return np.concatenate(kept)
