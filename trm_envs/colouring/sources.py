"""Where the graphs of an environment come from: the generator, a shipped pool, or the user."""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from trm_envs import pools
from trm_envs.colouring.generator import Kind, check_numbers, edges_at_threshold, generate, usual_edges
from trm_envs.colouring.solver import first_flaw
from trm_envs.colouring.symmetry import graph_keys
from trm_envs.colouring.text import parse_graphs, read_graphs
from trm_envs.instances.adaptive import Curriculum
from trm_envs.instances.ranges import Range, ranges
from trm_envs.instances.sources import GeneratedInstances, InstancePool, InstanceSource
from trm_envs.plan_edit.problem import ProblemOptions
from trm_envs.plan_edit.task import Grids
from trm_envs.pools.source import split_of_key

POOLS = ((20, 3), (50, 4), (100, 5))
"""Vertices and colours for which validation and test pools are shipped."""


class ColouringOptions(ProblemOptions, total=False):
    """Keywords of the graph colouring environments."""

    violation_weight: float
    """Checker weight w_v, 2 by default."""
    dead_end_weight: float
    """Checker weight w_z, 5 by default."""
    kind: Kind
    """`random` (default) or `planted`."""


def colouring_source(size: int, colours: int, options: ColouringOptions) -> InstanceSource:
    """The graphs that the keywords of an environment ask for.

    Args:
        size: vertices n.
        colours: k.
        options: those of `ColouringOptions`; `split`, `puzzles`, `kind` and `curriculum` are looked at. Training graphs
            are generated, with `generate` or without.

    Raises:
        ValueError: no pool has these numbers, such graphs cannot be generated, a stage of the curriculum makes no
            sense, or a graph of the user's is bad.
    """
    if options.get("puzzles") is not None:
        flaws = partial(first_flaw, size=size, colours=colours)
        return InstancePool(read_graphs(options["puzzles"], size, flaws))
    kind, split = options.get("kind", "random"), options.get("split", "train")
    check_numbers(size, colours, kind)
    if split != "train":
        if (size, colours) not in POOLS:
            known = ", ".join(f"{n} vertices and {k} colours" for n, k in POOLS)
            raise ValueError(f"pools are shipped for {known}, not for {size} and {colours}: give puzzles")
        return InstancePool(_pool(size, colours, kind, split))
    generated = partial(training_graphs, size, colours, kind)
    if options.get("curriculum") is None:
        return GeneratedInstances(generated)
    stages = ranges(options["curriculum"], "the number of edges")
    for stage in stages:
        _check_stage(stage, size, colours)
    return Curriculum([GeneratedInstances(partial(generated, edges=stage)) for stage in stages])


def _check_stage(stage: Range, size: int, colours: int) -> None:
    """Raise ValueError where no graph has so many edges, or hardly any can be coloured."""
    most, limit = usual_edges(size, colours)[1] if stage[1] is None else stage[1], edges_at_threshold(size, colours)
    if not 1 <= stage[0] <= most <= limit:
        raise ValueError(
            f"a stage of curriculum is a range of the number of edges within 1..{limit}, beyond which few graphs of "
            f"{size} vertices can be coloured, got {stage!r}"
        )


@cache
def _pool(size: int, colours: int, kind: Kind, split: str) -> Grids:
    """Parsed once a process: many environments share it."""
    name = f"colouring-{size}-k{colours}-{kind}"
    graphs = parse_graphs(pools.load(name, split), size, name)
    graphs.setflags(write=False)
    return graphs


def training_graphs(
    size: int, colours: int, kind: Kind, count: int, rng: np.random.Generator, edges: Range | None = None
) -> Grids:
    """New graphs, int8 of shape (count, size * size), none of them a graph of a validation or test pool renumbered.

    Args:
        size: vertices n.
        colours: k.
        kind: `random` or `planted`.
        count: number of graphs.
        rng: source of all randomness.
        edges: range of the number of edges; None: near the threshold.
    """
    kept: list[Grids] = [np.empty((0, size * size), np.int8)]
    missing = count
    while missing:
        drawn = generate(size, colours, kind, missing, rng, edges)
        fits = np.array([split_of_key(key) == "train" for key in graph_keys(drawn)])
        kept.append(drawn[fits])
        missing -= int(fits.sum())
    return np.concatenate(kept)
