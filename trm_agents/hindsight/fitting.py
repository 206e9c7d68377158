"""Fit the plan decoder to which edits write what the agent's own solved plan has."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from trm_agents.common.carrying import start_latents
from trm_agents.common.depths import TrainUnroll, depth_weights
from trm_agents.common.gradients import clip_gradients
from trm_agents.common.policy import as_tensors
from trm_agents.hindsight.memory import HindsightMemory, Sample, edit_labels
from trm_agents.hindsight.token_policy import TokenPolicy
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.spaces import observe
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
    moved = states._replace(instances=symmetries.apply(states.instances), plans=symmetries.apply(states.plans))
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
    for step in range(steps):
        policy.optimizer.zero_grad()
        history.append(_backward(policy, memory, settings, rng))
        policy.optimizer.step()
        policy.network.core.clamp_()
        # A plain mean at first, so that the average does not drag the first weights along.
        policy.average(min(settings.ema_decay, 1.0 - 1.0 / (steps_before + step + 1)))
    return Fitted(*(float(mean) for mean in np.mean(history, axis=0)))


def _backward(policy: TokenPolicy, memory: HindsightMemory, settings: FitSettings, rng: np.random.Generator) -> Fitted:
    """Gradient on a batch of the memory, clipped to `max_grad_norm`."""
    mdp, network = policy.mdp, policy.network
    sample = memory.sample(settings.batch_size, rng)
    if policy.tokens == "cells":
        # Cell tokens do not treat symbols and cells alike: they learn it from equivalent states.
        sample = turned(sample, mdp.task.symmetries(settings.batch_size, rng))
    label = torch.from_numpy(edit_labels(mdp.task, sample.states.plans, sample.goals)).to(policy.device)
    weights = cell_weights(mdp, sample, settings.solved_cell_weight).to(policy.device)
    low, high, gradient = settings.train_unroll
    unroll = int(rng.integers(low, high + 1))
    last = min(unroll, gradient)
    of_depth = depth_weights(last, settings.deep_supervision).to(policy.device)
    observation = as_tensors(dict(observe(sample.states)), policy.device)
    start = start_latents(policy, sample.states, unroll - last, high, rng)
    latents, projected = network.run(observation, start, last, len(of_depth))
    logits = network.logits(latents, observation)
    loss = of_depth @ (edit_loss(logits, label) * weights).sum((1, 2))
    loss.backward()  # type: ignore[no-untyped-call]
    clip_gradients(network, settings.max_grad_norm)
    return Fitted(loss.item(), _accuracy(logits[-1], label, sample), float(projected.mean()))


@torch.no_grad()
def _accuracy(logits: Tensor, label: Tensor, sample: Sample) -> float:
    """Share of the cells that need an edit whose likeliest symbol is the right one."""
    wrong = torch.from_numpy(sample.states.plans != sample.goals).to(logits.device)
    toggles = logits.shape[2] == 1
    right = (logits[..., 0] > 0.0) == label[..., 0] if toggles else logits.argmax(2) == label.long().argmax(2)
    return float((right & wrong).sum() / wrong.sum().clamp_min(1))
