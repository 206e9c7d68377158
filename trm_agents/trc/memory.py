"""How long the next edit is: where edits may be refused, what a policy remembers of refusals.

An edit that would not improve the plan is refused, and the plan stays. The policy sees that the cost is what it was,
and makes the next edit half as long; after one that was taken, half as long again. A direction that lowers the cost
does so if the step is short enough. Changes that follow no gradient are trusted half as much after each refusal, for
good: near an optimum they are in the way.
"""

from __future__ import annotations

from math import log2

import torch
from torch import Tensor

GROWTH, DECAY = 1.5, 0.5
"""Of the length after an edit was taken, up to 1, and after it was refused."""

SIZE = 3
"""Numbers that are remembered of a state: minus log2 of the length, refusals so far, and the last log cost.

Zeros in first states. A log cost of exactly 0 counts as none.
"""


def remembered(memory: Tensor, observation: dict[str, Tensor]) -> Tensor:
    """What is remembered at the next edit, shape (B, SIZE).

    Refusals count where the plan is feasible. Elsewhere there is no direction that a shorter step would follow.

    Args:
        memory: from the edit before, shape (B, SIZE).
        observation: with the log cost, shape (B, 1), and the violation, if the task has one.
    """
    cost, violation = observation["cost"], observation.get("violation")
    shorter, refusals, last = torch.split(memory, 1, dim=1)
    refused = (cost == last) & (last != 0.0)
    if violation is not None:
        refused = refused & (violation <= 0.0)
    shorter = torch.where(refused, shorter - log2(DECAY), (shorter - log2(GROWTH)).clamp_min(0.0))
    return torch.cat([shorter, refusals + refused, cost], dim=1)


def length_of(memory: Tensor) -> Tensor:
    """Share of a whole edit, within (0, 1], shape (B, 1)."""
    return torch.exp2(-memory[:, :1])


def trust_of(memory: Tensor) -> Tensor:
    """Share of changes that follow no gradient, within (0, 1], shape (B, 1)."""
    return torch.exp2(-memory[:, 1:2])
