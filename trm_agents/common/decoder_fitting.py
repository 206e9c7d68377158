"""What gradient steps on a plan decoder have in common: the depth that each draws, and the average that follows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from stable_baselines3.common.type_aliases import PyTorchObs
from torch import Tensor

from trm_agents.common.carrying import start_latents
from trm_agents.common.decoder_policy import DecoderPolicy
from trm_agents.common.depths import TrainUnroll, depth_weights
from trm_agents.common.gradients import clip_gradients
from trm_agents.common.policy import as_tensors
from trm_envs.plan_edit.mdp import PlanStates
from trm_envs.plan_edit.spaces import observe


class Decoded(NamedTuple):
    """B states as the network reads them after each of the last inner steps of an unroll."""

    observation: PyTorchObs
    latents: Tensor
    """After each inner step that a loss is on, (kept, B, ...)."""
    logits: Tensor
    """Of each edit, (kept, B, n_cells, n_symbols)."""
    of_depth: Tensor
    """How much each of these inner steps counts, (kept,), summing to one."""
    projected: float
    """Share of the inner steps at which Pi_R was active."""


def decoded(
    policy: DecoderPolicy, states: PlanStates, depths: TrainUnroll, deep_supervision: bool, rng: np.random.Generator
) -> Decoded:
    """Unroll the trained network on states, at a depth drawn from `depths`; gradients flow through its last steps."""
    network = policy.network
    unroll = int(rng.integers(depths.low, depths.high + 1))
    last = min(unroll, depths.gradient)
    of_depth = depth_weights(last, deep_supervision).to(policy.device)
    observation = as_tensors(dict(observe(states)), policy.device)
    start = start_latents(policy, states, unroll - last, depths.high, rng)
    latents, projected = network.run(observation, start, last, len(of_depth))
    return Decoded(
        observation, latents, network.logits(latents, observation), of_depth, float(projected.detach().mean())
    )


def gradient_step(policy: DecoderPolicy, loss: Tensor, max_grad_norm: float, ema_decay: float, number: int) -> None:
    """One step of the optimiser, after which the average of the weights follows.

    Args:
        policy: what is trained.
        loss: scalar.
        max_grad_norm: the gradient is scaled down to this norm.
        ema_decay: decay of the average.
        number: of this gradient step, from 1: at first the average is a plain mean, so that it does not drag the first
            weights along.

    Raises:
        FloatingPointError: the gradient is not finite.
    """
    policy.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    clip_gradients(policy.network, max_grad_norm)
    policy.optimizer.step()
    policy.network.core.clamp_()
    policy.average(min(ema_decay, 1.0 - 1.0 / number))
