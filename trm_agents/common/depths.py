"""Depths of gradient steps: how many inner steps a pass takes, and how much each of them counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

DEEPENING = 0.2
"""Share of the training over which depths grow."""


class TrainUnroll(NamedTuple):
    """Depths of gradient steps."""

    low: int
    """Fewest inner steps of a pass."""
    high: int
    """Most inner steps of a pass."""
    gradient: int
    """Gradients flow through so many of the last inner steps, and losses are on these."""


def depth_weights(steps: int, deep_supervision: bool) -> Tensor:
    """Weight of each inner step k, proportional to k^2, or all on the last; shape (steps,) or (1,)."""
    weights = torch.arange(1.0, steps + 1.0).square() if deep_supervision else torch.ones(1)
    return weights / weights.sum()


def train_unroll_problems(depths: Sequence[int] | None) -> Iterator[str]:
    """What is wrong with the keyword `train_unroll` of an algorithm, (low, high, gradient) or None."""
    if depths is None:
        return
    whole = isinstance(depths, (list, tuple)) and not any(isinstance(d, bool) or not isinstance(d, int) for d in depths)
    if not (whole and len(depths) == 3 and 1 <= depths[0] <= depths[1] and depths[2] >= 1):
        wanted = "(low, high, gradient), whole numbers with 1 <= low <= high and gradient >= 1"
        yield f"train_unroll must be {wanted}, got {depths!r}"


def deepening(train_unroll: TrainUnroll, progress: float) -> TrainUnroll:
    """With a `high` that grows from `gradient` over the first fifth of the training.

    Deep unrolls whose gradients are cut off teach a fresh network nothing for long.
    """
    low, high, gradient = train_unroll
    grown = gradient + round((high - gradient) * min(1.0, progress / DEEPENING))
    return TrainUnroll(low, max(low, min(high, grown)), gradient)
