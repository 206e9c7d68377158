"""One iteration of UPITRM on heads: value a rollout, improve the policy, fit the network, take the step."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from trm_agents.common.rollout import Rollout, Update
from trm_agents.upi_trm import improvement
from trm_agents.upi_trm.conservative import Mixture, Step
from trm_agents.upi_trm.evaluation import Advantage, Evaluation, EvaluationSettings, evaluate
from trm_agents.upi_trm.fitting import FitSettings, fit
from trm_agents.upi_trm.policies import UPIPolicy
from trm_agents.upi_trm.targets import KStep

SCALE_MEMORY = 0.9
"""Share of the running advantage scale that an iteration keeps."""


class HeadSettings(NamedTuple):
    """What an iteration depends on; see `UPITRM`."""

    gamma: float
    target: KStep
    advantage: Advantage
    checker_weight: float
    beta: float
    mixture: Mixture
    n_epochs: int
    batch_size: int
    deep_supervision: bool
    max_grad_norm: float


class Learned(NamedTuple):
    """What an iteration did."""

    update: Update
    scale: float
    """The running advantage scale after it."""
    step: Step
    """The conservative step that was taken."""


def learn(
    policy: UPIPolicy,
    rollout: Rollout,
    last_values: NDArray[np.float64],
    settings: HeadSettings,
    scale: float,
    rng: np.random.Generator,
) -> Learned:
    """Value the rollout, fit the network to the conservative step and to the targets, and promote it.

    Args:
        policy: its network is trained.
        rollout: a full rollout of the deployed policy.
        last_values: U of the states that follow it, (n_envs,).
        settings: what the iteration depends on.
        scale: the running advantage scale before; 0 until there is one.
        rng: draws the order of the minibatches.
    """
    how = EvaluationSettings(settings.gamma, settings.target.horizon, settings.advantage, settings.checker_weight)
    evaluation = evaluate(policy, rollout, last_values, how)
    rms = float(improvement.root_mean_square(evaluation.advantages, evaluation.mask))
    unit = rms if policy.mdp is not None else float((evaluation.targets - evaluation.values).std(correction=0))
    # Averaging from a zero, as heads give before they are trained, would make the next advantages ten times as large.
    scale = SCALE_MEMORY * (scale or unit) + (1.0 - SCALE_MEMORY) * unit
    target = _policy_target(evaluation, scale + 1e-6, settings)
    limits = FitSettings(
        settings.n_epochs,
        settings.batch_size,
        settings.target.vf_coef,
        settings.deep_supervision,
        settings.max_grad_norm,
    )
    fitted = fit(policy, evaluation, target, limits, rng)
    step, log = _promote(policy, evaluation, settings)
    log |= {
        "train/policy_loss": fitted.policy_loss,
        "train/value_loss": fitted.value_loss,
        "train/advantage_rms": rms,
        "train/value_min": float(evaluation.values.min()),
        "train/value_max": float(evaluation.values.max()),
        "train/centring_defect": float(improvement.centring_defect(evaluation.advantages, evaluation.policy)),
        "mixture/distillation_kl": _kl_left(policy, evaluation, target),
        "recursion/projection_active": fitted.projected,
    }
    return Learned(Update(fitted.gradient_steps, evaluation.queries + step.queries, log), scale, step)


def _policy_target(evaluation: Evaluation, scale: float, settings: HeadSettings) -> torch.Tensor:
    """What the network is fitted to, (N, n_actions)."""
    policy, mask = evaluation.policy, evaluation.mask
    scaled = improvement.clipped(evaluation.advantages / scale, policy, mask, improvement.ADVANTAGE_LIMIT)
    return settings.mixture.target(policy, improvement.candidate(policy, scaled, mask, settings.beta))


def _promote(policy: UPIPolicy, evaluation: Evaluation, settings: HeadSettings) -> tuple[Step, dict[str, float]]:
    """Take the conservative step; and what is logged of it."""
    step, expired = settings.mixture.step(policy, evaluation, settings.gamma), 0.0
    snapshots = policy.mixture
    # A step of length zero would still make a snapshot expire.
    if snapshots is not None and step.alpha > 0.0:
        expired = snapshots.promote(policy.network, step.alpha)
    log = {
        "mixture/base_weight": 1.0 - step.alpha,
        "mixture/expired_weight": expired,
        "mixture/expiry_bound": 0.0 if snapshots is None else snapshots.expiry_bound,
    }
    if settings.mixture.is_safe:
        log["mixture/safe_bound"] = step.bound
    return step, log


@torch.no_grad()
def _kl_left(policy: UPIPolicy, evaluation: Evaluation, target: torch.Tensor) -> float:
    """Mean KL(fitted target || network) that fitting has left."""
    logits = policy.network.read(policy.latents(evaluation.observation)).logits
    log_policy = improvement.masked_log_softmax(logits, evaluation.mask)
    return float(improvement.kl_divergence(target, log_policy).mean())
