"""Attempts at one state: latents from other starting points, and plans that are half written or guessed at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trm_agents.recursion import RepairCommittee, RepairNetwork
from trm_agents.recursion import decoding as reading
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.task import Grids

_LEAST = 1e-6
"""Doubt that is left of any cell: where the network is sure of all of them, each may be guessed at."""


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


def guessed(mdp: PlanEditMDP, hits: Tensor, states: PlanStates, cells: int, attempt: int) -> Grids:
    """Plans in which some cells are written by chance, (B, n_cells), int8.

    Doubtful cells are drawn first, without replacement, and what is written there is drawn by its probability. Luck is
    each attempt's own, the same for every state.

    Args:
        mdp: what the states belong to.
        hits: probabilities p, (B, n_cells, n_symbols).
        states: B states.
        cells: cells to guess at, at least 1; fewer where fewer can be edited.
        attempt: whose luck.
    """
    written, plans, rows = mdp.task.writes(states.plans), states.plans.copy(), np.arange(len(states.plans))
    allowed = reading.editable(mdp, hits, states).cpu().numpy()
    chances = np.where(allowed, np.maximum(reading.doubts(mdp, hits, states).cpu().numpy(), _LEAST), 0.0)
    likely = hits.cpu().numpy()
    for where, what in np.random.default_rng(attempt).random((cells, 2)):
        cell, found = _drawn(chances / np.maximum(chances.sum(1, keepdims=True), _LEAST), where)
        symbol, some = _drawn(likely[rows, cell], what)
        chosen = found & some
        plans[rows[chosen], cell[chosen]] = written[rows[chosen], cell[chosen], symbol[chosen]]
        chances[rows, cell] = 0.0
    return plans


def _drawn(probabilities: NDArray[np.floating[Any]], luck: float) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """What luck in [0, 1) draws from each row, and whether it draws anything: rows may sum to less than 1."""
    index = (probabilities.cumsum(1) <= luck).sum(1)
    last = probabilities.shape[1] - 1
    return np.minimum(index, last), index <= last


def _point(attempt: int, shape: torch.Size, radius: float | None) -> Tensor:
    """Where an attempt starts from: the same for every state, so that what is in its batch plays no part."""
    if attempt == 0:
        return torch.zeros(shape)
    point = torch.randn(shape, generator=torch.Generator().manual_seed(attempt))
    return point if radius is None else point * (radius / point.norm())
