"""Path finding with labels: recursion, and stacks of as many weights and of as many layers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import torch

from benchmarks.protocol.provenance import pool_hash
from trm_agents.recursion import Mixer
from trm_agents.supervised import (
    Fit,
    PathNetwork,
    Paths,
    RecursivePaths,
    Score,
    StackedPaths,
    fit,
    fitted_width,
    paths,
    score,
    weights,
)

SHALLOW = 4
"""Layers of the stacks that are wide instead of deep."""
WARM = 15
"""Most cycles that `recursive-warm` takes before those that it learns from."""
HALTING = "halting"


class Contestant(NamedTuple):
    """A network and how it is trained."""

    build: Callable[[int], PathNetwork]
    """From the side of its mazes."""
    how: Callable[[Fit], Fit] = lambda how: how
    """What differs from the settings of all."""


def stack(side: int, mixer: Mixer, deep: bool) -> StackedPaths:
    """Layers of their own, with as many weights as `recursive`, and as deep where that is asked for."""
    model = RecursivePaths(side)
    depth, step = (model.depth if deep else SHALLOW), (4 if mixer == "attention" else 1)

    def built(width: int) -> StackedPaths:
        return StackedPaths(side, depth=depth, width=width, mixer=mixer)

    return built(fitted_width(built, weights(model), step))


NETWORKS: Mapping[str, Contestant] = {
    "recursive": Contestant(RecursivePaths),
    "recursive-warm": Contestant(RecursivePaths, lambda how: replace(how, warm_cycles=WARM)),
    "recursive-carry": Contestant(partial(RecursivePaths, carry=True)),
    "recursive-once": Contestant(partial(RecursivePaths, inject="once")),
    "recursive-last": Contestant(RecursivePaths, lambda how: replace(how, deep_supervision=False)),
    "recursive-neighbours": Contestant(partial(RecursivePaths, mixer="neighbours")),
    "recursive-attention": Contestant(partial(RecursivePaths, mixer="attention")),
    "cnn": Contestant(partial(stack, mixer="conv", deep=False)),
    "cnn-deep": Contestant(partial(stack, mixer="conv", deep=True)),
    "transformer": Contestant(partial(stack, mixer="attention", deep=False)),
    "transformer-deep": Contestant(partial(stack, mixer="attention", deep=True)),
}
"""`recursive` has one change in each of the rows named after it; stacks have as many weights as it."""


class Measured(NamedTuple):
    """One score of a trained network."""

    weights: int
    depth: int
    side: int
    cycles: str
    score: Score
    cpu_seconds: float
    pool_sha256: str


def measured(name: str, seed: int, how: Fit, side: int, sides: list[int], split: str) -> Iterator[Measured]:
    """Train a network and score it on mazes of some sides: with its cycles, with more, and as it halts.

    Args:
        name: key of `NETWORKS`.
        seed: of weights and batches.
        how: settings of all.
        side: of the training mazes.
        sides: of the mazes that are scored.
        split: which mazes are scored.
    """
    contestant = NETWORKS[name]
    begun = time.process_time()
    torch.manual_seed(seed)
    network = fit(contestant.build(side), paths(side, "train"), contestant.how(how), seed)
    spent = time.process_time() - begun
    for other in sides:
        data: Paths = paths(other, split)  # type: ignore[arg-type]
        there = network.of_side(other)
        for cycles, found in _scores(there, data):
            hashed = pool_hash(data.mazes)
            yield Measured(weights(network), network.depth, other, cycles, found, spent, hashed)


def _scores(network: PathNetwork, data: Paths) -> Iterator[tuple[str, Score]]:
    """Scores by how many cycles were taken."""
    if not isinstance(network, RecursivePaths):
        yield "1", score(network, data)
        return
    own = network.k_cycles
    for cycles in (own, 2 * own, 4 * own):
        yield str(cycles), score(network, data, cycles)
    yield HALTING, score(network, data, 4 * own, halting=True)
