"""Policy improvement: regress the network towards the conservative step and the value targets."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from trm_agents.common.gradients import clip_gradients
from trm_agents.upi_trm import improvement
from trm_agents.upi_trm.evaluation import Evaluation
from trm_agents.upi_trm.policies import UPIPolicy


class FitSettings(NamedTuple):
    """What fitting depends on; see `UPITRM`."""

    n_epochs: int
    batch_size: int
    vf_coef: float
    deep_supervision: bool
    max_grad_norm: float


class Losses(NamedTuple):
    """Losses of one minibatch, scalars."""

    total: Tensor
    policy: Tensor
    value: Tensor
    projected: Tensor


def losses(policy: UPIPolicy, batch: Evaluation, target: Tensor, settings: FitSettings) -> Losses:
    """Cross-entropy to the policy target and Huber loss of the value, averaged over the supervised inner steps.

    A network with an advantage head also fits the advantage of the action taken to the value target.

    Args:
        policy: the policy whose network is trained.
        batch: frozen evaluation of the minibatch.
        target: policy target, (B, n_actions).
        settings: what the losses depend on.
    """
    unrolled = policy.network.run(policy.inputs(batch.observation))
    supervised = unrolled.latents if settings.deep_supervision else unrolled.latents[-1:]
    value_target = policy.head_target(batch.targets, batch.potential)
    policy_loss = value_loss = torch.zeros((), device=target.device)
    for latent in supervised:
        output = policy.network.read(latent)
        log_policy = improvement.masked_log_softmax(output.logits, batch.mask)
        policy_loss = policy_loss + improvement.cross_entropy(target, log_policy).mean()
        value_loss = value_loss + functional.smooth_l1_loss(output.value, value_target, beta=0.1)
        if output.advantages is not None:
            advantages = improvement.centred(output.advantages, batch.policy, batch.mask)
            taken = advantages.gather(1, batch.actions[:, None]).squeeze(1)
            error = taken / policy.value_scale + output.value.detach() - value_target
            value_loss = value_loss + functional.smooth_l1_loss(error, torch.zeros_like(error), beta=0.1)
    policy_loss, value_loss = policy_loss / len(supervised), value_loss / len(supervised)
    total = policy_loss + settings.vf_coef * value_loss
    return Losses(total, policy_loss.detach(), value_loss.detach(), unrolled.projected.mean())


class Fitted(NamedTuple):
    """What fitting did: means over its gradient steps, and how many there were."""

    policy_loss: float
    value_loss: float
    projected: float
    gradient_steps: int


def fit(
    policy: UPIPolicy, evaluation: Evaluation, target: Tensor, settings: FitSettings, rng: np.random.Generator
) -> Fitted:
    """Gradient steps over `n_epochs` passes through the rollout, in an order drawn with `rng`."""
    policy.set_training_mode(True)
    history: list[tuple[float, float, float]] = []
    for _ in range(settings.n_epochs):
        for rows in torch.split(torch.as_tensor(rng.permutation(len(target))), settings.batch_size):
            loss = losses(policy, evaluation.batch(rows), target[rows], settings)
            policy.optimizer.zero_grad()
            loss.total.backward()  # type: ignore[no-untyped-call]
            clip_gradients(policy.network, settings.max_grad_norm)
            policy.optimizer.step()
            policy.network.core.clamp_()
            history.append((float(loss.policy), float(loss.value), float(loss.projected)))
    policy_loss, value_loss, projected = (float(mean) for mean in np.mean(history, axis=0))
    return Fitted(policy_loss, value_loss, projected, len(history))
