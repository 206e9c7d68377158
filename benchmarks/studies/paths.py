"""Path finding with labels: recursion, and stacks of as many weights and of as many layers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

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
"""Most cycles that a recursive network takes before those that it learns from."""
CYCLES = (5, 10, 20, 40, 80)
"""Cycles that every recursive network is scored with, beside those of its training."""
HALTING = "halting"


class Contestant(NamedTuple):
    """A network and how it is trained."""

    build: Callable[[int], PathNetwork]
    """From the side of its mazes."""
    warm_cycles: int = 0
    """See `Fit`."""
    deep_supervision: bool = True
    """See `Fit`."""

    def trained(self, side: int, how: Fit, seed: int) -> PathNetwork:
        """The network, trained on mazes of a side; `how` says what is the same for all."""
        torch.manual_seed(seed)
        mine = replace(how, warm_cycles=self.warm_cycles, deep_supervision=self.deep_supervision)
        return fit(self.build(side), paths(side, "train"), mine, seed)

    def depth(self, side: int) -> int:
        """Most layers that a state goes through in training."""
        network = self.build(side)
        if not isinstance(network, RecursivePaths):
            return network.depth
        return network.depth * (self.warm_cycles + network.k_cycles) // network.k_cycles


def recursive(**changes: Any) -> Contestant:
    """Five cycles that are learned from, after up to fifteen others, and what is changed of that."""
    of_training = {key: changes.pop(key) for key in ("warm_cycles", "deep_supervision") if key in changes}
    return Contestant(partial(RecursivePaths, **changes), **{"warm_cycles": WARM, **of_training})


def stack(side: int, mixer: Mixer, deep: bool) -> StackedPaths:
    """Layers of their own, with as many weights as `recursive`, and as deep where that is asked for."""
    depth, step = (recursive().depth(side) if deep else SHALLOW), (4 if mixer == "attention" else 1)

    def built(width: int) -> StackedPaths:
        return StackedPaths(side, depth=depth, width=width, mixer=mixer)

    return built(fitted_width(built, weights(RecursivePaths(side)), step))


NETWORKS: Mapping[str, Contestant] = {
    "recursive": recursive(),
    "recursive-carry": recursive(carry=True),
    "recursive-once": recursive(inject="once"),
    "recursive-last": recursive(deep_supervision=False),
    "recursive-neighbours": recursive(mixer="neighbours"),
    "recursive-attention": recursive(mixer="attention"),
    **{f"cold-{k}": recursive(warm_cycles=0, k_cycles=k) for k in (1, 2, 3, 5, 10, 20)},
    "cnn": Contestant(partial(stack, mixer="conv", deep=False)),
    "cnn-deep": Contestant(partial(stack, mixer="conv", deep=True)),
    "transformer": Contestant(partial(stack, mixer="attention", deep=False)),
    "transformer-deep": Contestant(partial(stack, mixer="attention", deep=True)),
}
"""Each row that begins with `recursive-` has one change; `cold-K` learns from its first K cycles alone; stacks have as
many weights as `recursive`."""


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
    network = contestant.trained(side, how, seed)
    spent = time.process_time() - begun
    for other in sides:
        data: Paths = paths(other, split)  # type: ignore[arg-type]
        there = network.of_side(other)
        for cycles, found in _scores(there, data):
            hashed = pool_hash(data.mazes)
            yield Measured(weights(network), contestant.depth(side), other, cycles, found, spent, hashed)


def _scores(network: PathNetwork, data: Paths) -> Iterator[tuple[str, Score]]:
    """Scores by how many cycles were taken."""
    if not isinstance(network, RecursivePaths):
        yield "1", score(network, data)
        return
    for cycles in sorted({network.k_cycles, *CYCLES}):
        yield str(cycles), score(network, data, cycles)
    yield HALTING, score(network, data, CYCLES[-1], halting=True)
