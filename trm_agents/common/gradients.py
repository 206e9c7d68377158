"""Gradients of bounded norm."""

from __future__ import annotations

import torch
from torch import nn

BOUND_LATENTS = "bound latents (policy_kwargs={'radius': 10.0}), or lower learning_rate"


def clip_gradients(network: nn.Module, max_norm: float, remedy: str = BOUND_LATENTS) -> float:
    """Scale the network's gradient down to this norm; what it was before.

    Args:
        network: whose gradient.
        max_norm: the largest norm.
        remedy: what to do where training diverges.

    Raises:
        FloatingPointError: the norm is not finite, so that a step would spoil the weights.
    """
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), max_norm)
    if not torch.isfinite(norm):
        raise FloatingPointError(f"training has diverged: the norm of the gradient is {float(norm)}; {remedy}")
    return float(norm)
