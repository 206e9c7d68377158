"""Policy improvement: regress the network towards the conservative step and the value targets."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from trm_agents.common.policy import RecursivePolicy
from trm_agents.upi_trm import improvement
from trm_agents.upi_trm.dials import Dials
from trm_agents.upi_trm.evaluation import Evaluation

ADVANTAGE_LIMIT = 10.0
"""Where scaled advantages are clipped (then centred again)."""


def policy_targets(evaluation: Evaluation, scale: float, dials: Dials) -> Tensor:
    """What the network is fitted to: the conservative mixture (`distill`) or the candidate alone (`exact`)."""
    _, _, mask, policy, *_ = evaluation
    scaled = improvement.clipped(evaluation.advantages / scale, policy, mask, ADVANTAGE_LIMIT)
    better = improvement.candidate(policy, scaled, mask, dials.beta)
    if dials.conservative == "exact":
        return better
    assert not isinstance(dials.mixture_alpha, str)
    return improvement.mixture(policy, better, dials.mixture_alpha)


class Losses(NamedTuple):
    """Losses of one minibatch, scalars."""

    total: Tensor
    policy: Tensor
    value: Tensor
    projected: Tensor


def losses(policy: RecursivePolicy, batch: Evaluation, target: Tensor, dials: Dials) -> Losses:
    """Cross-entropy to the policy target and Huber loss of the value, averaged over the supervised inner steps.

    Args:
        policy: the policy whose network is trained.
        batch: frozen evaluation of the minibatch.
        target: policy target, (B, n_actions).
        dials: hyperparameters.
    """
    unrolled = policy.network.run(policy.inputs(batch.observation), batch.latent)
    supervised = unrolled.latents if dials.deep_supervision else unrolled.latents[-1:]
    value_target = policy.head_target(batch.targets, batch.potential)
    policy_loss = value_loss = torch.zeros((), device=target.device)
    for latent in supervised:
        output = policy.network.read(latent)
        log_policy = improvement.masked_log_softmax(output.logits, batch.mask)
        policy_loss = policy_loss + improvement.cross_entropy(target, log_policy).mean()
        value_loss = value_loss + functional.smooth_l1_loss(output.value, value_target, beta=0.1)
        if dials.advantage == "readout" and output.advantages is not None:
            advantages = improvement.centred(output.advantages, batch.policy, batch.mask)
            taken = advantages.gather(1, batch.actions[:, None]).squeeze(1)
            error = taken / policy.value_scale + output.value.detach() - value_target
            value_loss = value_loss + functional.smooth_l1_loss(error, torch.zeros_like(error), beta=0.1)
    policy_loss, value_loss = policy_loss / len(supervised), value_loss / len(supervised)
    total = policy_loss + dials.value_coef * value_loss
    return Losses(total, policy_loss.detach(), value_loss.detach(), unrolled.projected.mean())


class Fitted(NamedTuple):
    """What fitting did: means over its gradient steps, and how many there were."""

    policy_loss: float
    value_loss: float
    projected: float
    gradient_steps: int


def clip_gradients(network: nn.Module, max_norm: float) -> None:
    """Scale the network's gradient down to this norm.

    Raises:
        FloatingPointError: the norm is not finite, so that a step would spoil the weights.
    """
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), max_norm)
    if not torch.isfinite(norm):
        raise FloatingPointError(
            f"training has diverged: the norm of the gradient is {float(norm)}; bound latents (radius=10.0), or lower "
            "learning_rate"
        )


def fit(
    policy: RecursivePolicy, evaluation: Evaluation, target: Tensor, dials: Dials, rng: np.random.Generator
) -> Fitted:
    """Gradient steps over `n_epochs` passes through the rollout, in an order drawn with `rng`."""
    policy.set_training_mode(True)
    history: list[tuple[float, float, float]] = []
    for _ in range(dials.n_epochs):
        for rows in torch.split(torch.as_tensor(rng.permutation(len(target))), dials.batch_size):
            loss = losses(policy, evaluation.batch(rows), target[rows], dials)
            policy.optimizer.zero_grad()
            loss.total.backward()  # type: ignore[no-untyped-call]
            clip_gradients(policy.network, dials.max_grad_norm)
            policy.optimizer.step()
            policy.network.core.clamp_()
            history.append((float(loss.policy), float(loss.value), float(loss.projected)))
    policy_loss, value_loss, projected = (float(mean) for mean in np.mean(history, axis=0))
    return Fitted(policy_loss, value_loss, projected, len(history))
