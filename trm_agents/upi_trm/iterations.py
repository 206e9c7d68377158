"""One policy iteration on a rollout: by K-step targets, or by hindsight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import nan

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trm_agents.common.policy import RecursivePolicy
from trm_agents.common.rollout import Rollout
from trm_agents.hindsight.fitting import fit_hits
from trm_agents.hindsight.memory import HindsightMemory
from trm_agents.hindsight.policies import RepairPolicy
from trm_agents.solving import policy_proposer
from trm_agents.upi_trm import improvement
from trm_agents.upi_trm.dials import Dials, HindsightDials
from trm_agents.upi_trm.evaluation import Evaluation, evaluate
from trm_agents.upi_trm.fitting import fit, policy_targets
from trm_agents.upi_trm.safe_step import sampled_step

SCALE_MEMORY = 0.9
"""Share of the running advantage scale that an iteration keeps."""


@dataclass
class Iteration:
    """What an iteration did."""

    gradient_steps: int = 0
    queries: int = 0
    """Successors enumerated through the model."""
    advantage_scale: float | None = None
    """Running root mean square of the advantages, for the next iteration."""
    step_size: float = 1.0
    """alpha of the conservative step."""
    step_bound: float = nan
    """Estimated lower bound on what it gains, where that chose it."""
    log: dict[str, float] = field(default_factory=dict)


def improve_by_k_steps(
    policy: RecursivePolicy,
    rollout: Rollout,
    last_values: NDArray[np.float64],
    scale: float | None,
    dials: Dials,
    rng: np.random.Generator,
) -> Iteration:
    """Evaluate the deployed policy on a rollout, improve on it and step conservatively towards that.

    Args:
        policy: improved in place.
        rollout: full.
        last_values: U of the states that follow it, shape (n_envs,).
        scale: running root mean square of the advantages; None before the first iteration.
        dials: hyperparameters.
        rng: orders the minibatches.
    """
    evaluation = evaluate(policy, rollout, last_values, dials)
    rms = float(improvement.root_mean_square(evaluation.advantages, evaluation.mask))
    scale = SCALE_MEMORY * (rms if scale is None else scale) + (1.0 - SCALE_MEMORY) * rms
    target = policy_targets(evaluation, scale + 1e-6, dials)
    fitted = fit(policy, evaluation, target, dials, rng)
    alpha, bound, queries = _step_size(policy, evaluation, dials)
    expired = 0.0
    # A step of length zero would still make a snapshot expire.
    if policy.mixture is not None and alpha > 0.0:
        expired = policy.mixture.promote(policy.network, alpha)
    log = {
        "train/policy_loss": fitted.policy_loss,
        "train/value_loss": fitted.value_loss,
        "train/advantage_rms": rms,
        "train/value_min": float(evaluation.values.min()),
        "train/value_max": float(evaluation.values.max()),
        "train/centring_defect": float(improvement.centring_defect(evaluation.advantages, evaluation.policy)),
        "mixture/distillation_kl": _kl_left(policy, evaluation, target),
        "mixture/base_weight": 1.0 - alpha,
        "mixture/expired_weight": expired,
        "mixture/expiry_bound": 0.0 if policy.mixture is None else policy.mixture.expiry_bound,
        "recursion/projection_active": fitted.projected,
    }
    if dials.mixture_alpha == "safe":
        log["mixture/safe_bound"] = bound
    return Iteration(fitted.gradient_steps, evaluation.queries + queries, scale, alpha, bound, log)


def _step_size(policy: RecursivePolicy, evaluation: Evaluation, dials: Dials) -> tuple[float, float, int]:
    """Alpha, the estimated bound that chose it (nan: nothing did), and successors enumerated for that."""
    if dials.mixture_alpha != "safe":
        return float(dials.mixture_alpha), nan, 0
    step, queries = sampled_step(policy, evaluation, dials)
    return *step.best(), queries


@torch.no_grad()
def _kl_left(policy: RecursivePolicy, evaluation: Evaluation, target: Tensor) -> float:
    """Mean KL(fitted target || network) that fitting has left."""
    output = policy.network(policy.inputs(evaluation.observation), evaluation.latent)
    log_policy = improvement.masked_log_softmax(output.logits, evaluation.mask)
    return float(improvement.kl_divergence(target, log_policy).mean())


def improve_by_hindsight(
    policy: RecursivePolicy,
    rollout: Rollout,
    memories: Sequence[HindsightMemory],
    done: int,
    dials: HindsightDials,
    rng: np.random.Generator,
) -> Iteration:
    """Label what a rollout has solved, search for what it has not, and fit the values that the policy is read from.

    Each member of a committee does so by itself: it searches for what its own environments have failed at, and is
    trained on what they have solved.

    Args:
        policy: a `RepairPolicy`, improved in place.
        rollout: full.
        memories: one for each network, take the rollout's episodes; their `queries` grow.
        done: gradient steps made before.
        dials: hyperparameters.
        rng: for labels, samples and depths.
    """
    assert isinstance(policy, RepairPolicy)
    iteration = Iteration(log={"train/prior": policy.prior})
    found = []
    for member, memory in enumerate(memories):
        memory.add(rollout, rng)
        searched = len(range(member, dials.search_instances, policy.members))
        if searched:
            proposer = policy_proposer(policy, member)
            found.append(memory.plan(proposer, searched, dials.search_budget, dials.search_solutions))
    if found:
        iteration.log["train/search_success"] = float(np.mean(found))
    if all(memory.size >= dials.learning_starts for memory in memories):
        collected = rollout.n_steps * rollout.n_envs / policy.members
        rounds = max(1, round(dials.replay_ratio * collected / dials.batch_size))
        iteration.gradient_steps = rounds * policy.members
        fitted = fit_hits(policy, memories, rounds, done // policy.members, dials, rng)
        iteration.log["train/hit_loss"] = fitted.loss
        iteration.log["train/hit_accuracy"] = fitted.accuracy
        iteration.log["recursion/projection_active"] = fitted.projected
    iteration.log["train/memory"] = sum(memory.size for memory in memories)
    return iteration
