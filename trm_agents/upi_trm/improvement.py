"""From action values to the next policy: centring, candidate, conservative mixture. One equation a function.

Everywhere: `policy` is the deployed pi(a|s) and `mask` the legal actions, both of shape (B, n_actions); probabilities
and advantages are zero on illegal actions.
"""

from __future__ import annotations

import torch
from torch import Tensor

ADVANTAGE_LIMIT = 10.0
"""Where scaled advantages are clipped (then centred again)."""


def centred(values: Tensor, policy: Tensor, mask: Tensor) -> Tensor:
    """A(s, a) = Q(s, a) - sum_b pi(b|s) Q(s, b): advantages centred state by state under the deployed policy."""
    baseline = (policy * values).sum(1, keepdim=True)
    return torch.where(mask, values - baseline, 0.0)


def centring_defect(advantages: Tensor, policy: Tensor) -> Tensor:
    """max_s |sum_a pi(a|s) A(s, a)|, a scalar: zero up to rounding when centring is exact."""
    return (policy * advantages).sum(1).abs().max()


def root_mean_square(advantages: Tensor, mask: Tensor) -> Tensor:
    """Root mean square over all legal actions of all states, a scalar."""
    return (advantages.square().sum() / mask.sum()).sqrt()


def clipped(advantages: Tensor, policy: Tensor, mask: Tensor, limit: float) -> Tensor:
    """Clip to [-limit, limit], then centre again: clipping alone would undo the centring."""
    return centred(advantages.clamp(-limit, limit), policy, mask)


def candidate(policy: Tensor, advantages: Tensor, mask: Tensor, beta: float) -> Tensor:
    """pi_cand(a|s) proportional to pi(a|s) exp(beta A(s, a)), over all legal actions."""
    # A floor on pi lets the candidate bring back an action that the deployed policy has all but given up.
    logits = torch.log(policy.clamp_min(1e-8)) + beta * advantages
    return torch.softmax(logits.masked_fill(~mask, -torch.inf), dim=1)


def mixture(policy: Tensor, candidate_policy: Tensor, alpha: float) -> Tensor:
    """pi_new = (1 - alpha) pi + alpha pi_cand: the conservative step."""
    return (1.0 - alpha) * policy + alpha * candidate_policy


def masked_log_softmax(logits: Tensor, mask: Tensor) -> Tensor:
    """Log pi over legal actions; finite (and meaningless) on illegal ones, so that 0 * log pi stays 0 there."""
    return torch.log_softmax(logits.masked_fill(~mask, -1e9), dim=1)


def cross_entropy(target: Tensor, log_policy: Tensor) -> Tensor:
    """-sum_a target(a|s) log pi(a|s), shape (B,)."""
    return -(target * log_policy.clamp_min(-50.0)).sum(1)


def kl_divergence(target: Tensor, log_policy: Tensor) -> Tensor:
    """KL(target || pi), shape (B,); 0 log 0 counts as 0."""
    negative_entropy: Tensor = torch.special.xlogy(target, target).sum(1)
    return negative_entropy + cross_entropy(target, log_policy)
