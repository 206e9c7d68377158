"""Pi_R: the projection that keeps latents in a ball."""

from __future__ import annotations

import torch
from torch import Tensor


def project_ball(z: Tensor, radius: float) -> tuple[Tensor, Tensor]:
    """Project each latent onto the L2 ball of this radius, jointly over all its entries (Pi_R of the paper).

    Args:
        z: latents, shape (B, ...).
        radius: R > 0.

    Returns:
        The projected latents, shape (B, ...), and which of them lay outside, shape (B,), bool.
    """
    norm = torch.linalg.vector_norm(z.flatten(1), dim=1)
    scale = radius / norm.clamp_min(radius)
    return z * scale.view(-1, *[1] * (z.dim() - 1)), norm > radius
