"""The exact conservative mixture: a weighted set of frozen networks."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from trm_agents.recursion import Recursion
from trm_agents.upi_trm.improvement import masked_log_softmax


class SnapshotMixture(nn.Module):
    """pi(a|s) = sum_i w_i pi_i(a|s) over frozen snapshots.

    Drawing a component with probability w_i at each step and then its action is the same as drawing the action from
    this sum, which is what the deployed policy does. Slots are fixed, so the cost of a step does not grow with the
    promotions behind it, and a saved mixture loads like any module.

    Let w*_i be the weights of the mixture that nothing ever expires from. When a promotion finds no free slot, the
    snapshot with the smallest w*_i makes room and the new one takes over its weight, so that the slots hold the newest
    snapshot and, of all others there ever were, those of largest w*_i. `expiry_bound` says what that can have changed.

    Args:
        network: the network whose snapshots are kept; the first component is its present state.
        capacity: how many snapshots there can be, at least 2. With a constant alpha the bound never
            exceeds (1 - alpha)^capacity, however many promotions there are.

    Raises:
        ValueError: the capacity is too small.
    """

    weights: Tensor
    """w, shape (capacity,), float64; zero where a slot is free."""
    own: Tensor
    """w*, shape (capacity,), float64; at most w, which also has what has expired into a slot."""

    def __init__(self, network: Recursion, capacity: int) -> None:
        super().__init__()
        if capacity < 2:
            raise ValueError(f"capacity must be at least 2, got {capacity}")
        self.components = nn.ModuleList(copy.deepcopy(network) for _ in range(capacity))
        self.requires_grad_(False)
        weights = torch.zeros(capacity, dtype=torch.float64)
        weights[0] = 1.0
        self.register_buffer("weights", weights)
        self.register_buffer("own", weights.clone())

    @property
    def expiry_bound(self) -> float:
        """Bound on sup_s TV(pi, pi*) to the mixture pi* of all snapshots there ever were, each with its w*.

        TV = 1/2 sum_a |sum_i (w_i - w*_i) pi_i(a|s)| <= 1/2 sum_i |w_i - w*_i| = 1 - sum_i min(w_i, w*_i), where
        expired snapshots count with w_i = 0. Snapshots that never choose the same action attain it. A promotion
        multiplies it by 1 - alpha and adds the w* that expires.
        """
        return max(0.0, 1.0 - float(self.own.sum()))

    def promote(self, network: Recursion, alpha: float) -> float:
        """Pi <- (1 - alpha) pi + alpha pi_network; returns the weight that expired into the new component."""
        self.weights.mul_(1.0 - alpha)
        self.own.mul_(1.0 - alpha)
        slot = int(self.own.argmin())
        expired = float(self.weights[slot])
        self.components[slot].load_state_dict(network.state_dict())
        self.weights[slot] = alpha + expired
        self.own[slot] = alpha
        return expired

    def mean(self, read: Callable[[Any], Tensor]) -> Tensor:
        """sum_i w_i pi_i(a|s), shape (B, n_actions), of the policies that `read` reads from networks."""
        parts = zip(self.weights, self.components, strict=True)
        total = sum(weight * read(component).double() for weight, component in parts if weight > 0)
        assert isinstance(total, Tensor)
        return total.float()

    def probabilities(self, observation: Any, mask: Tensor) -> Tensor:
        """The mixture's action probabilities, shape (B, n_actions); exactly zero on illegal actions."""
        mean = self.mean(lambda network: masked_log_softmax(network(observation).logits, mask).exp())
        return torch.where(mask, mean, 0.0)
