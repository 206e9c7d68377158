"""Attempts at one state: latents from other starting points, and plans that are half written."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trm_agents.recursion import RepairCommittee, RepairNetwork


def afresh(
    network: RepairNetwork | RepairCommittee, observation: dict[str, Tensor], attempts: Sequence[int], unroll: int
) -> Tensor:
    """Latents after `unroll` inner steps from z_0 = 0 (attempt 0) or from a point of each other attempt's own.

    Args:
        network: what is unrolled.
        observation: of B states.
        attempts: number of each state's attempt, at least 0; B of them.
        unroll: inner steps.
    """
    shape = network.run({key: value[:1] for key, value in observation.items()}, None, 1).latents[-1].shape
    points = {attempt: _point(attempt, shape, network.radius) for attempt in set(attempts)}
    start = torch.cat([points[attempt] for attempt in attempts]).to(observation["plan"].device)
    return network.run(observation, start, unroll, kept=1).latents[-1]


def half_written(plans: Tensor, read: Tensor, attempt: int) -> Tensor:
    """Plans with half of the cells as they were read, each attempt's own, the same for every state.

    Args:
        plans: of B states, (B, n_cells).
        read: what is written, (B, n_cells).
        attempt: whose choice of cells.
    """
    chosen = torch.rand(plans.shape[1], generator=torch.Generator().manual_seed(attempt)) < 0.5
    return torch.where(chosen.to(plans.device), read, plans)


def _point(attempt: int, shape: torch.Size, radius: float | None) -> Tensor:
    """Where an attempt starts from: the same for every state, so that what is in its batch plays no part."""
    if attempt == 0:
        return torch.zeros(shape)
    point = torch.randn(shape, generator=torch.Generator().manual_seed(attempt))
    return point if radius is None else point * (radius / point.norm())
