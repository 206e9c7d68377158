"""What edit probabilities say about a plan: p(a|s), the probability that edit a writes what belongs into its cell.

They have shape (B, n_cells, n_symbols), on any device. Each function takes the MDP that the states belong to.
"""

from __future__ import annotations

from math import exp

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.task import Grids

TIE = 1e-5
"""Edits whose gains differ by less, in units of one edit, are equally good: rounding hides what symmetry makes so."""


def unchanged(mdp: PlanEditMDP, states: PlanStates) -> NDArray[np.bool_]:
    """Which edits write what is there already, (B, n_cells, n_symbols)."""
    same: NDArray[np.bool_] = mdp.task.writes(states.plans) == states.plans[:, :, None]
    return same


def right(mdp: PlanEditMDP, probabilities: Tensor, states: PlanStates) -> Tensor:
    """q(c|s): probability that each cell is right as it is, (B, n_cells)."""
    if probabilities.shape[2] == 1:
        return 1.0 - probabilities[:, :, 0]
    return torch.where(torch.from_numpy(unchanged(mdp, states)).to(probabilities.device), probabilities, 0.0).sum(2)


def editable(mdp: PlanEditMDP, probabilities: Tensor, states: PlanStates) -> Tensor:
    """Which cells have a legal edit, (B, n_cells)."""
    mask = torch.from_numpy(mdp.action_mask(states)).to(probabilities.device)
    return mask[:, : probabilities[0].numel()].view(probabilities.shape).any(2)


def likeliest_plans(mdp: PlanEditMDP, probabilities: Tensor, states: PlanStates) -> Grids:
    """The plan that has in each editable cell what most probably belongs there, (B, n_cells)."""
    best, symbols = probabilities.max(2)
    written = np.take_along_axis(mdp.task.writes(states.plans), symbols.cpu().numpy()[:, :, None], 2)[:, :, 0]
    edited = editable(mdp, probabilities, states) & (best > right(mdp, probabilities, states))
    plans: Grids = np.where(edited.cpu().numpy(), written, states.plans).astype(np.int8)
    return plans


def cell_uncertainty(mdp: PlanEditMDP, probabilities: Tensor, states: PlanStates) -> Tensor:
    """Probability that the likeliest plan is wrong in each cell, (B, n_cells); 0 where nothing can be edited."""
    several = probabilities.shape[2] > 1
    best = probabilities.amax(2) if several else torch.maximum(probabilities, 1.0 - probabilities)[:, :, 0]
    return torch.where(editable(mdp, probabilities, states), 1.0 - best, 0.0)


def uncertainty(mdp: PlanEditMDP, probabilities: Tensor, states: PlanStates) -> Tensor:
    """Expected share of the editable cells in which the likeliest plan is wrong, shape (B,)."""
    cells = editable(mdp, probabilities, states).sum(1).clamp_min(1)
    return cell_uncertainty(mdp, probabilities, states).sum(1) / cells


def expected_edits(mdp: PlanEditMDP, probabilities: Tensor, states: PlanStates) -> Tensor:
    """Expected number of editable cells that are not right as they are, shape (B,)."""
    wrong = 1.0 - right(mdp, probabilities, states)
    return torch.where(editable(mdp, probabilities, states), wrong, 0.0).sum(1)


def gains(mdp: PlanEditMDP, probabilities: Tensor, states: PlanStates) -> Tensor:
    """Gain p(a|s) - q(c|s) of every action in edits, (B, n_actions): an erased cell is never right, a stop gains 0."""
    kept = right(mdp, probabilities, states)
    blocks = [(probabilities - kept[:, :, None]).flatten(1)]
    if mdp.task.can_erase:
        blocks.append(-kept)
    if mdp.stop_action is not None:
        blocks.append(torch.zeros_like(kept[:, :1]))
    return torch.cat(blocks, dim=1)


def choices(mdp: PlanEditMDP, states: PlanStates) -> NDArray[np.bool_]:
    """Which actions have any probability, (B, n_actions): the legal ones that change something, where there are any."""
    mask = mdp.action_mask(states)
    same = unchanged(mdp, states).reshape(len(mask), -1)
    useful = mask.copy()
    useful[:, : same.shape[1]] &= ~same
    chosen: NDArray[np.bool_] = np.where(useful.any(1, keepdims=True), useful, mask)
    return chosen


def edits_towards(mdp: PlanEditMDP, states: PlanStates, plans: Grids) -> NDArray[np.bool_]:
    """Which actions write what these plans, (B, n_cells), have in a cell that differs, (B, n_actions)."""
    edits = (mdp.task.writes(states.plans) == plans[:, :, None]) & ~unchanged(mdp, states)
    flat: NDArray[np.bool_] = edits.reshape(len(plans), -1)
    return np.pad(flat, ((0, 0), (0, mdp.n_actions - flat.shape[1])))


def softmax_policy(values: Tensor, allowed: Tensor, beta: float) -> Tensor:
    """pi(a|s) proportional to exp(beta A(s, a)) over allowed actions, zero elsewhere, (B, n_actions)."""
    policy = torch.log_softmax((beta * values).masked_fill(~allowed, -1e9), dim=1).exp()
    return torch.where(allowed, policy, 0.0)


def edit_policy(mdp: PlanEditMDP, probabilities: Tensor, states: PlanStates, beta: float) -> Tensor:
    """The policy that is read from edit probabilities, (B, n_actions): A is the gain, which is p - q."""
    allowed = torch.from_numpy(choices(mdp, states)).to(probabilities.device)
    return softmax_policy(gains(mdp, probabilities, states), allowed, beta)


def greedy(policy: Tensor, beta: float) -> Tensor:
    """The first of the actions that are best within `TIE`, (B, n_actions) -> (B,)."""
    best = policy.amax(1, keepdim=True)
    return (policy >= best * exp(-beta * TIE)).int().argmax(1)
