"""Policy evaluation on hindsight targets: fit the repair network to which edits would have hit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from stable_baselines3.common.type_aliases import PyTorchObs
from torch import Tensor
from torch.nn import functional

from trm_agents.common.collection import as_tensors
from trm_agents.hindsight.memory import HindsightMemory, Sample, repairs
from trm_agents.hindsight.policies import RepairPolicy
from trm_agents.recursion import RepairNetwork
from trm_agents.upi_trm.dials import HindsightDials
from trm_agents.upi_trm.fitting import clip_gradients
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.spaces import observe
from trm_envs.plan_edit.task import Symmetries


class Fitted(NamedTuple):
    """Means over the gradient steps."""

    loss: float
    accuracy: float
    """Share of cells that need an edit whose likeliest symbol is the right one."""
    projected: float


def hit_loss(logits: Tensor, hit: Tensor) -> Tensor:
    """Cross-entropy of each cell, (kept, B, n_cells), from logits (kept, B, n_cells, n_symbols) and hits (B, ...)."""
    if logits.shape[3] == 1:
        target = hit[None, :, :, 0].to(logits.dtype).expand(logits.shape[:3])
        return functional.binary_cross_entropy_with_logits(logits[..., 0], target, reduction="none")
    target = hit.long().argmax(2)[None].expand(logits.shape[:3])
    return functional.cross_entropy(logits.flatten(0, 2), target.flatten(), reduction="none").view(logits.shape[:3])


def cell_weights(mdp: PlanEditMDP, sample: Sample, right_weight: float) -> Tensor:
    """Weight of each cell, (B, n_cells), summing to one: locked cells have none, those right already `right_weight`."""
    states = sample.states
    mask = mdp.task.action_mask(states.instances, states.plans, "givens")[:, : mdp.task.n_cells * mdp.task.n_symbols]
    editable = mask.reshape(len(mask), mdp.task.n_cells, mdp.task.n_symbols).any(2)
    weights = editable * np.where(states.plans == sample.goals, right_weight, 1.0)
    return torch.from_numpy((weights / weights.sum()).astype(np.float32))


def depth_weights(steps: int, deep_supervision: bool) -> Tensor:
    """Weight of each inner step k, proportional to k^2, or all on the last; shape (steps,) or (1,)."""
    weights = torch.arange(1.0, steps + 1.0).square() if deep_supervision else torch.ones(1)
    return weights / weights.sum()


@torch.no_grad()
def carried_on(network: RepairNetwork, observation: PyTorchObs, steps: int) -> Tensor | None:
    """The latent after this many inner steps, through which no gradient flows; None, that is zero, for none."""
    return network.run(observation, None, steps, kept=1).latents[-1] if steps else None


def earlier(mdp: PlanEditMDP, states: PlanStates, rng: np.random.Generator) -> PlanStates:
    """States that a persistent latent may come from: half of them are these, in the others some edits are undone.

    Of the cells of such a plan a random share, drawn for each, is as it was in the beginning.
    """
    undone = rng.random(states.plans.shape) < rng.random((len(states.plans), 1))
    undone &= rng.random((len(states.plans), 1)) < 0.5
    plans = np.where(undone, mdp.task.initial_plans(states.instances), states.plans)
    edits = (plans != states.plans).sum(1)
    remaining = np.minimum(states.remaining_edits + edits, mdp.max_edits).astype(np.int32)
    return states._replace(plans=plans, remaining_edits=remaining)


def turned(sample: Sample, symmetries: Symmetries) -> Sample:
    """Equivalent states, with equivalent goals."""
    states = sample.states
    moved = states._replace(instances=symmetries.apply(states.instances), plans=symmetries.apply(states.plans))
    return Sample(moved, symmetries.apply(sample.goals))


def fit_hits(
    policy: RepairPolicy,
    memories: Sequence[HindsightMemory],
    steps: int,
    done: int,
    dials: HindsightDials,
    rng: np.random.Generator,
) -> Fitted:
    """Gradient steps on samples of the memories, each at a depth of its own; the average of the weights follows.

    Args:
        policy: its networks are trained.
        memories: what samples are drawn from, one for each network.
        steps: how many gradient steps of each network.
        done: gradient steps of each made before, for the warm-up of the average.
        dials: hyperparameters; depths are drawn from [min_unroll, max_unroll], and gradients flow through the last
            `backprop_steps` of them. For a persistent latent the steps before are on an earlier plan, up to max_unroll.
        rng: for samples and depths.
    """
    history: list[Fitted] = []
    for step in range(steps):
        policy.optimizer.zero_grad()
        for network, memory in zip(policy.network.members, memories, strict=True):
            history.append(_backward(policy, network, memory, dials, rng))
        policy.optimizer.step()
        for network in policy.network.members:
            network.core.clamp_()
        # A plain mean at first, so that the average does not drag the first weights along.
        policy.average(min(dials.ema_decay, 1.0 - 1.0 / (done + step + 1)))
    return Fitted(*(float(mean) for mean in np.mean(history, axis=0)))


def _backward(
    policy: RepairPolicy,
    network: RepairNetwork,
    memory: HindsightMemory,
    dials: HindsightDials,
    rng: np.random.Generator,
) -> Fitted:
    """Gradient of one network on a batch of its memory, clipped to `max_grad_norm`."""
    assert policy.mdp is not None
    sample = memory.sample(dials.batch_size, rng)
    if policy.augment:
        sample = turned(sample, policy.mdp.task.symmetries(dials.batch_size, rng))
    hit = torch.from_numpy(repairs(policy.mdp.task, sample.states.plans, sample.goals)).to(policy.device)
    weights = cell_weights(policy.mdp, sample, dials.right_weight).to(policy.device)
    unroll = int(rng.integers(dials.min_unroll, dials.max_unroll + 1))
    last = min(unroll, dials.backprop_steps)
    of_depth = depth_weights(last, dials.deep_supervision).to(policy.device)
    observation = as_tensors(observe(sample.states), policy.device)
    if policy.latent == "persistent":
        # The deployed policy goes on from what other plans have led to, after any number of inner steps.
        before = as_tensors(observe(earlier(policy.mdp, sample.states, rng)), policy.device)
        start = carried_on(network, before, int(rng.integers(dials.max_unroll + 1)))
    else:
        start = carried_on(network, observation, unroll - last)
    logits, projected = network.hit_logits(observation, last, len(of_depth), start)
    loss = of_depth @ (hit_loss(logits, hit) * weights).sum((1, 2))
    loss.backward()  # type: ignore[no-untyped-call]
    clip_gradients(network, dials.max_grad_norm)
    return Fitted(loss.item(), _accuracy(logits[-1], hit, sample), float(projected.mean()))


@torch.no_grad()
def _accuracy(logits: Tensor, hit: Tensor, sample: Sample) -> float:
    """Share of the cells that need an edit whose likeliest symbol is the right one."""
    wrong = torch.from_numpy(sample.states.plans != sample.goals).to(logits.device)
    toggles = logits.shape[2] == 1
    right = (logits[..., 0] > 0.0) == hit[..., 0] if toggles else logits.argmax(2) == hit.long().argmax(2)
    return float((right & wrong).sum() / wrong.sum().clamp_min(1))
