"""Where latents start from, and attempts at one state: other starting points, and plans that are half written."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from stable_baselines3.common.type_aliases import PyTorchObs
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
    shape = _shape(network, observation)
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


def scattered(network: RepairNetwork, observation: PyTorchObs, share: float, rng: np.random.Generator) -> Tensor | None:
    """Where latents of training states start from: some at points that `afresh` may start from, the others at z_0 = 0.

    Args:
        network: whose latents.
        observation: of B states.
        share: probability of a random point, of each state; with 0 nothing is drawn, and None stands for all zero.
        rng: for the points.
    """
    if share == 0.0:
        return None
    assert isinstance(observation, dict)
    _, *shape = _shape(network, observation)
    count = len(observation["plan"])
    points = rng.standard_normal((count, *shape)).astype(np.float32)
    drawn = rng.random(count) < share
    norms = np.sqrt(np.square(points.reshape(count, -1)).sum(1))
    scale = drawn * (1.0 if network.radius is None else network.radius / norms)
    starts = points * scale.astype(np.float32).reshape(-1, *[1] * len(shape))
    return torch.from_numpy(starts).to(observation["plan"].device)


@torch.no_grad()
def _shape(network: RepairNetwork | RepairCommittee, observation: dict[str, Tensor]) -> torch.Size:
    """The shape of a latent of one state, (1, ...)."""
    return network.run({key: value[:1] for key, value in observation.items()}, None, 1).latents[-1].shape


def _point(attempt: int, shape: torch.Size, radius: float | None) -> Tensor:
    """Where an attempt starts from: the same for every state, so that what is in its batch plays no part."""
    if attempt == 0:
        return torch.zeros(shape)
    point = torch.randn(shape, generator=torch.Generator().manual_seed(attempt))
    return point if radius is None else point * (radius / point.norm())
