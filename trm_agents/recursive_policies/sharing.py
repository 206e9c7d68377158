"""One learning signal for all cycles, and one policy from all cycles."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from stable_baselines3.common.distributions import Distribution
from torch import Tensor

D = TypeVar("D", bound=Distribution)


def shared(parts: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """The last of some tensors, whose gradient goes to all of them, a share each.

    Args:
        parts: tensors of one shape, the last of which is what is used.
        weights: share of each.
    """
    moved = [weight * (part - part.detach()) for part, weight in zip(parts, weights, strict=True)]
    return parts[-1].detach() + torch.stack(moved).sum(0)


def shared_distribution(base: D, parameters: Sequence[Any], weights: Sequence[float]) -> D:
    """The distribution of the last cycle, whose log-probabilities and entropy hand their gradient to all cycles.

    With it a loss that is linear in the log-probability, such as that of REINFORCE and A2C, is the weighted sum of the
    losses of all cycles, exactly. A loss that is not, such as PPO's, hands each cycle its slope at the last one. Masks
    apply to all cycles.

    Args:
        base: of the kind of distribution that is meant.
        parameters: what `proba_distribution` of this kind takes, as keywords, cycle by cycle.
        weights: share of each cycle.
    """
    members = [copy.copy(base).proba_distribution(**each) for each in parameters]
    last, kind = members[-1], type(base)

    def log_prob(*actions: Tensor) -> Tensor:
        return shared([kind.log_prob(member, *actions) for member in members], weights)

    def entropy() -> Tensor | None:
        entropies = [kind.entropy(member) for member in members]
        known = [each for each in entropies if each is not None]
        return shared(known, weights) if len(known) == len(entropies) else None

    def apply_masking(masks: Any) -> None:
        masking: Any = kind
        for member in members:
            masking.apply_masking(member, masks)

    # SB3 and sb3-contrib ask for the class of a distribution, so its methods are replaced and not its class.
    for method in (log_prob, entropy, apply_masking):
        if hasattr(last, method.__name__):
            setattr(last, method.__name__, method)
    return last


def halting_shares(halts: Tensor) -> Tensor:
    """Probability that a pass ends at each cycle, from logits of halting there, (B, K) both; the last one ends all."""
    goes_on = torch.nn.functional.logsigmoid(-halts[:, :-1]).cumsum(1)
    reached = torch.cat([torch.zeros_like(halts[:, :1]), goes_on], dim=1)
    ends = torch.cat([torch.nn.functional.logsigmoid(halts[:, :-1]), torch.zeros_like(halts[:, :1])], dim=1)
    return (reached + ends).exp()


def mixture(logits: Tensor, shares: Tensor) -> Tensor:
    """Log-probabilities of the mixture of the cycles' policies: (B, K, n) and (B, K) -> (B, n)."""
    weighted = torch.log_softmax(logits, dim=2) + shares.clamp_min(torch.finfo(shares.dtype).tiny).log()[:, :, None]
    return torch.logsumexp(weighted, dim=1)


def mean_of(outputs: Tensor, shares: Tensor) -> Tensor:
    """Mean of the cycles' outputs: (B, K, n) and (B, K) -> (B, n)."""
    return (outputs * shares[:, :, None]).sum(1)


Mix = Callable[[Tensor, Tensor], Tensor]


class WithCost(torch.autograd.Function):
    """Adds a cost to whatever loss is made of a tensor: passes the tensor on, and the cost's gradient back."""

    @staticmethod
    def forward(ctx: Any, outputs: Tensor, cost: Tensor) -> Tensor:
        """The outputs."""
        return outputs.view_as(outputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """The outputs' gradient, and one for the cost, a scalar."""
        return gradients[0], gradients[0].new_ones(())
