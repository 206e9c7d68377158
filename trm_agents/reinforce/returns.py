"""What a step of an episode is worth to REINFORCE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Baseline = Literal["leave_one_out", "episode"]

EPSILON = 1e-8
"""Added to a standard deviation that is divided by."""


def returns_to_go(rewards: Floats, gamma: float) -> Floats:
    """G_t = r_t + gamma G_{t+1} of one episode, shape (T,)."""
    out = np.empty(len(rewards))
    tail = 0.0
    for step in range(len(rewards) - 1, -1, -1):
        tail = rewards[step] + gamma * tail
        out[step] = tail
    return out


def leave_one_out(returns: Sequence[Floats]) -> list[Floats]:
    """G_t minus the mean G_t of the other episodes that last until t; minus 0 where none does.

    The baseline of an episode does not depend on it, so the gradient stays unbiased.

    Args:
        returns: of each episode, step by step.
    """
    length = max(map(len, returns))
    total, lasting = np.zeros(length), np.zeros(length)
    for each in returns:
        total[: len(each)] += each
        lasting[: len(each)] += 1.0
    return [
        each - (total[: len(each)] - each) / np.maximum(lasting[: len(each)] - 1.0, 1.0)
        if len(returns) > 1
        else each.copy()
        for each in returns
    ]


def normalised(returns: Sequence[Floats]) -> list[Floats]:
    """G_t of each episode minus their mean over it, over their standard deviation.

    It tells early steps from late ones and no good episode from a bad one, so it is biased.

    Args:
        returns: of each episode, step by step.
    """
    return [(each - each.mean()) / (each.std() + EPSILON) for each in returns]
