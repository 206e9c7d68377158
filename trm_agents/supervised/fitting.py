"""Training with labels, and the metric: the share of mazes of which every cell is right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import cos, pi
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from trm_agents.supervised.networks import Marks, PathNetwork
from trm_agents.supervised.paths import Paths

Network = TypeVar("Network", bound=PathNetwork)


@dataclass(frozen=True)
class Fit:
    """How a network is trained.

    Args:
        updates: gradient steps.
        batch: mazes of a step, drawn with turns and reflections.
        learning_rate: at the beginning; it falls to zero along a cosine.
        deep_supervision: whether every cycle is to be right, or the last one alone.
        warm_cycles: most cycles that a network takes before those that it learns from; their number is drawn anew for
            every step, from 0 on, and no gradient goes through them. So it learns to go on from wherever it is.
        halting_weight: of the loss of the halting logits.
    """

    updates: int = 2_000
    batch: int = 64
    learning_rate: float = 3e-3
    deep_supervision: bool = True
    warm_cycles: int = 0
    halting_weight: float = 0.1


class Score(NamedTuple):
    """How many of B mazes a network marks right."""

    exact: NDArray[np.bool_]
    """Every cell right, shape (B,)."""
    cells: float
    """Share of cells that are right."""
    cycles: NDArray[np.int64]
    """Cycles that each maze took, shape (B,)."""


def loss_of(marks: Marks, marked: Tensor, how: Fit) -> Tensor:
    """Cross-entropy of the cells, mean over cycles or of the last one, and of the halting logits.

    Args:
        marks: what the network says.
        marked: what is right, (B, N * N), float.
        how: see `Fit`.
    """
    logits = marks.logits if how.deep_supervision else marks.logits[-1:]
    loss = functional.binary_cross_entropy_with_logits(logits, marked.expand_as(logits))
    if marks.halts is None:
        return loss
    right = ((marks.logits > 0) == (marked > 0.5)).all(2).float()
    return loss + how.halting_weight * functional.binary_cross_entropy_with_logits(marks.halts, right)


def fit(network: Network, data: Paths, how: Fit, seed: int) -> Network:
    """Train a network in place, and return it; the same seed trains the same weights."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=how.learning_rate, weight_decay=1e-4)
    rng = np.random.default_rng(seed)
    for update in range(how.updates):
        for group in optimizer.param_groups:
            group["lr"] = how.learning_rate * 0.5 * (1.0 + cos(pi * update / how.updates))
        mazes, marked = drawn(data, how.batch, rng)
        warm = int(rng.integers(how.warm_cycles + 1))
        loss = loss_of(network(torch.from_numpy(mazes), warm=warm), torch.from_numpy(marked), how)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    return network


def drawn(data: Paths, count: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Some mazes and their labels, all turned and reflected alike."""
    rows = rng.integers(len(data.mazes), size=count)
    turns, flip = int(rng.integers(4)), bool(rng.integers(2))
    side = round(data.mazes.shape[1] ** 0.5)

    def turned(cells: NDArray[np.generic]) -> NDArray[np.generic]:
        grids = np.rot90(cells.reshape(-1, side, side), turns, (1, 2))
        return (grids[:, :, ::-1] if flip else grids).reshape(len(cells), -1)

    return turned(data.mazes[rows]).astype(np.int64), turned(data.marked[rows]).astype(np.float32)


@torch.no_grad()
def score(network: PathNetwork, data: Paths, cycles: int | None = None, halting: bool = False) -> Score:
    """Mark all mazes.

    Args:
        network: of their side.
        data: the mazes.
        cycles: how many a network with cycles takes; None: as in training.
        halting: take a maze's answer from the first cycle that calls it right, and from the last one if none does.
    """
    parts = [_score(network, batch, cycles, halting) for batch in _batches(data)]
    return Score(
        np.concatenate([part.exact for part in parts]),
        float(np.average([part.cells for part in parts], weights=[len(part.exact) for part in parts])),
        np.concatenate([part.cycles for part in parts]),
    )


def _batches(data: Paths, size: int = 256) -> Iterator[Paths]:
    for begin in range(0, len(data.mazes), size):
        yield Paths(data.mazes[begin : begin + size], data.marked[begin : begin + size])


def _score(network: PathNetwork, data: Paths, cycles: int | None, halting: bool) -> Score:
    marks = network(torch.from_numpy(data.mazes.astype(np.int64)), cycles)
    last = len(marks.logits) - 1
    taken = torch.full((len(data.mazes),), last)
    if halting and marks.halts is not None:
        sure = marks.halts > 0
        taken = torch.where(sure.any(0), sure.int().argmax(0), last)
    logits = marks.logits[taken, torch.arange(len(taken))]
    right = ((logits > 0) == torch.from_numpy(data.marked)).numpy()
    return Score(right.all(1), float(right.mean()), taken.numpy() + 1)
