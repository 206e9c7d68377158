"""Fit the plan decoder to which edits write what the agent's own solved plan has."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from trm_agents.common.decoder_fitting import decoded, gradient_step
from trm_agents.common.depths import TrainUnroll
from trm_agents.hindsight.memory import HindsightMemory, Sample, edit_labels
from trm_agents.hindsight.token_policy import TokenPolicy
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.task import Symmetries


class FitSettings(NamedTuple):
    """What fitting depends on; see `HindsightTRM`."""

    batch_size: int
    train_unroll: TrainUnroll
    solved_cell_weight: float
    deep_supervision: bool
    ema_decay: float
    max_grad_norm: float


class Fitted(NamedTuple):
    """Means over the gradient steps."""

    loss: float
    accuracy: float
    """Share of cells that need an edit whose likeliest symbol is the right one."""
    projected: float


def edit_loss(logits: Tensor, label: Tensor) -> Tensor:
    """Cross-entropy of each cell, (kept, B, n_cells), from logits (kept, B, n_cells, n_symbols) and labels (B, ...)."""
    if logits.shape[3] == 1:
        target = label[None, :, :, 0].to(logits.dtype).expand(logits.shape[:3])
        return functional.binary_cross_entropy_with_logits(logits[..., 0], target, reduction="none")
    target = label.long().argmax(2)[None].expand(logits.shape[:3])
    return functional.cross_entropy(logits.flatten(0, 2), target.flatten(), reduction="none").view(logits.shape[:3])


def cell_weights(mdp: PlanEditMDP, sample: Sample, solved_cell_weight: float) -> Tensor:
    """Weight of each cell, (B, n_cells), summing to one: locked cells weigh 0, solved ones `solved_cell_weight`."""
    states = sample.states
    mask = mdp.task.action_mask(states.instances, states.plans, "givens")[:, : mdp.task.n_cells * mdp.task.n_symbols]
    editable = mask.reshape(len(mask), mdp.task.n_cells, mdp.task.n_symbols).any(2)
    weights = editable * np.where(states.plans == sample.goals, solved_cell_weight, 1.0)
    return torch.from_numpy((weights / weights.sum()).astype(np.float32))


def turned(sample: Sample, symmetries: Symmetries) -> Sample:
    """Equivalent states, with equivalent goals."""
    states = sample.states
    instances, plans = symmetries.apply_to_instances(states.instances), symmetries.apply(states.plans)
    moved = states._replace(instances=instances, plans=plans)
    return Sample(moved, symmetries.apply(sample.goals))


def fit(
    policy: TokenPolicy,
    memory: HindsightMemory,
    steps: int,
    steps_before: int,
    settings: FitSettings,
    rng: np.random.Generator,
) -> Fitted:
    """Gradient steps on samples of the memory, each at a depth of its own; the average of the weights follows.

    Args:
        policy: its network is trained.
        memory: what samples are drawn from.
        steps: how many gradient steps.
        steps_before: gradient steps made before, for the warm-up of the average.
        settings: what fitting depends on.
        rng: for samples and depths.
    """
    history: list[Fitted] = []
    for number in range(steps_before + 1, steps_before + steps + 1):
        loss, fitted = _loss(policy, memory, settings, rng)
        gradient_step(policy, loss, settings.max_grad_norm, settings.ema_decay, number)
        history.append(fitted)
    return Fitted(*(float(mean) for mean in np.mean(history, axis=0)))


def _loss(
    policy: TokenPolicy, memory: HindsightMemory, settings: FitSettings, rng: np.random.Generator
) -> tuple[Tensor, Fitted]:
    """The loss of a batch of the memory."""
    mdp = policy.mdp
    sample = memory.sample(settings.batch_size, rng)
    if policy.learns_symmetries:
        sample = turned(sample, mdp.task.symmetries(settings.batch_size, rng))
    label = torch.from_numpy(edit_labels(mdp.task, sample.states.plans, sample.goals)).to(policy.device)
    weights = cell_weights(mdp, sample, settings.solved_cell_weight).to(policy.device)
    read = decoded(policy, sample.states, settings.train_unroll, settings.deep_supervision, rng)
    loss = read.of_depth @ (edit_loss(read.logits, label) * weights).sum((1, 2))
    return loss, Fitted(loss.item(), _accuracy(read.logits[-1], label, sample), read.projected)


@torch.no_grad()
def _accuracy(logits: Tensor, label: Tensor, sample: Sample) -> float:
    """Share of the cells that need an edit whose likeliest symbol is the right one."""
    wrong = torch.from_numpy(sample.states.plans != sample.goals).to(logits.device)
    toggles = logits.shape[2] == 1
    right = (logits[..., 0] > 0.0) == label[..., 0] if toggles else logits.argmax(2) == label.long().argmax(2)
    return float((right & wrong).sum() / wrong.sum().clamp_min(1))
