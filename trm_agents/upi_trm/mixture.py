"""The exact conservative mixture: a weighted set of frozen networks."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from trm_agents.recursion import RecursiveNetwork
from trm_agents.upi_trm.improvement import masked_log_softmax


class SnapshotMixture(nn.Module):
    """pi(a|s) = sum_i w_i pi_i(a|s) over frozen snapshots.

    Drawing a component with probability w_i at each step and then its action is the same as drawing the action from
    this sum, which is what the deployed policy does. Slots are fixed, so a saved mixture loads like any module.

    Args:
        network: the network whose snapshots are kept; the first component is its present state.
        capacity: how many snapshots there can be. When a promotion finds no free slot, the lightest snapshot expires
            into the new one, which therefore takes its weight as well (`promote` returns how much that was).
    """

    weights: Tensor

    def __init__(self, network: RecursiveNetwork, capacity: int) -> None:
        super().__init__()
        if capacity < 2:
            raise ValueError(f"capacity must be at least 2, got {capacity}")
        self.components = nn.ModuleList(copy.deepcopy(network) for _ in range(capacity))
        self.requires_grad_(False)
        weights = torch.zeros(capacity, dtype=torch.float64)
        weights[0] = 1.0
        self.register_buffer("weights", weights)

    def promote(self, network: RecursiveNetwork, alpha: float) -> float:
        """Pi <- (1 - alpha) pi + alpha pi_network; returns the weight that expired into the new component."""
        self.weights.mul_(1.0 - alpha)
        slot = int(self.weights.argmin())
        expired = float(self.weights[slot])
        self.components[slot].load_state_dict(network.state_dict())
        self.weights[slot] = alpha + expired
        return expired

    def probabilities(self, observation: Any, mask: Tensor) -> Tensor:
        """The mixture's action probabilities, shape (B, n_actions); exactly zero on illegal actions."""
        total = torch.zeros(mask.shape, dtype=torch.float64, device=mask.device)
        for weight, component in zip(self.weights, self.components, strict=True):
            if weight > 0:
                logits = component(observation).logits
                total += weight * masked_log_softmax(logits, mask).exp().double()
        return torch.where(mask, total, 0.0).float()
