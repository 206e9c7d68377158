"""Gradients of bounded norm."""

from __future__ import annotations

import torch
from torch import nn


def clip_gradients(network: nn.Module, max_norm: float) -> None:
    """Scale the network's gradient down to this norm.

    Raises:
        FloatingPointError: the norm is not finite, so that a step would spoil the weights.
    """
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), max_norm)
    if not torch.isfinite(norm):
        raise FloatingPointError(
            f"training has diverged: the norm of the gradient is {float(norm)}; bound latents "
            "(policy_kwargs={'radius': 10.0}), or lower learning_rate"
        )
