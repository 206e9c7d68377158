"""Latents that the inner steps with gradients start from."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from trm_agents.common.decoder_policy import DecoderPolicy
from trm_agents.common.policy import as_tensors
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.spaces import observe


def earlier(mdp: PlanEditMDP, states: PlanStates, rng: np.random.Generator) -> PlanStates:
    """States that a carried latent may come from: half of them are these, in the others some edits are undone.

    Of the cells of such a plan a random share, drawn for each, is as it was in the beginning.
    """
    undone = rng.random(states.plans.shape) < rng.random((len(states.plans), 1))
    undone &= rng.random((len(states.plans), 1)) < 0.5
    plans = np.where(undone, mdp.task.initial_plans(states.instances), states.plans)
    edits = (plans != states.plans).sum(1)
    remaining = np.minimum(states.remaining_edits + edits, mdp.max_edits).astype(np.int32)
    return states._replace(plans=plans, remaining_edits=remaining)


@torch.no_grad()
def start_latents(
    policy: DecoderPolicy, states: PlanStates, before: int, high: int, rng: np.random.Generator
) -> Tensor | None:
    """Latents that the inner steps with gradients start from; None stands for z_0 = 0.

    They have taken `before` inner steps on the same states. Where the deployed policy carries latents, they have taken
    up to `high` on states from which it may have carried them.
    """
    if policy.carry_unroll is not None:
        states, before = earlier(policy.mdp, states, rng), int(rng.integers(high + 1))
    return policy.network.last(as_tensors(dict(observe(states)), policy.device), None, before) if before else None
