"""What probabilities of hits, p(a|s) that edit a writes what belongs into its cell, say about a plan.

They have shape (B, n_cells, n_symbols), on any device.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.task import Grids


def unchanged(mdp: PlanEditMDP, states: PlanStates) -> NDArray[np.bool_]:
    """Which edits write what is there already, (B, n_cells, n_symbols)."""
    same: NDArray[np.bool_] = mdp.task.writes(states.plans) == states.plans[:, :, None]
    return same


def right(mdp: PlanEditMDP, hits: Tensor, states: PlanStates) -> Tensor:
    """q: probability that each cell is right as it is, (B, n_cells)."""
    if hits.shape[2] == 1:
        return 1.0 - hits[:, :, 0]
    return torch.where(torch.from_numpy(unchanged(mdp, states)).to(hits.device), hits, 0.0).sum(2)


def editable(mdp: PlanEditMDP, hits: Tensor, states: PlanStates) -> Tensor:
    """Which cells have a legal edit, (B, n_cells)."""
    mask = torch.from_numpy(mdp.action_mask(states)).to(hits.device)
    return mask[:, : hits[0].numel()].view(hits.shape).any(2)


def likeliest(mdp: PlanEditMDP, hits: Tensor, states: PlanStates) -> Grids:
    """The plan that has in each editable cell what most probably belongs there, (B, n_cells)."""
    best, symbols = hits.max(2)
    written = np.take_along_axis(mdp.task.writes(states.plans), symbols.cpu().numpy()[:, :, None], 2)[:, :, 0]
    edited = editable(mdp, hits, states) & (best > right(mdp, hits, states))
    plans: Grids = np.where(edited.cpu().numpy(), written, states.plans).astype(np.int8)
    return plans


def doubts(mdp: PlanEditMDP, hits: Tensor, states: PlanStates) -> Tensor:
    """Probability that the likeliest plan is wrong in each cell, (B, n_cells); 0 where nothing can be edited."""
    best = hits.amax(2) if hits.shape[2] > 1 else torch.maximum(hits, 1.0 - hits)[:, :, 0]
    return torch.where(editable(mdp, hits, states), 1.0 - best, 0.0)


def doubt(mdp: PlanEditMDP, hits: Tensor, states: PlanStates) -> Tensor:
    """Expected share of the editable cells in which the likeliest plan is wrong, shape (B,)."""
    return doubts(mdp, hits, states).sum(1) / editable(mdp, hits, states).sum(1).clamp_min(1)


def expected_repairs(mdp: PlanEditMDP, hits: Tensor, states: PlanStates) -> Tensor:
    """Expected number of editable cells that are not right as they are, shape (B,)."""
    return torch.where(editable(mdp, hits, states), 1.0 - right(mdp, hits, states), 0.0).sum(1)
