"""What every recursive core is: a latent step function f and its unroll."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from math import inf, sqrt
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from trm_agents.recursion.cores.projection import project_ball

SLACK = 1e-5
"""Relative room that dividing by a norm leaves below 1: a hundred roundings of float32.

It covers what float32 may get wrong in the norm, in the division by it and in the units of the radius, so that a
certified step's exact function is L-Lipschitz. What evaluating that function in float32 adds is no property of it: the
outputs of two nearby latents are rounded each for itself.
"""


def spectral_norm(weight: Tensor) -> Tensor:
    """Largest singular value of a matrix, exact and differentiable, a scalar."""
    norm: Tensor = torch.linalg.matrix_norm(weight, ord=2)
    return norm


def at_most_one(weight: Tensor, norm: Tensor) -> Tensor:
    """A map of this norm divided by max(1, norm), differentiably."""
    return weight / (norm * (1.0 + SLACK)).clamp_min(1.0)


def checked(lipschitz: float) -> float:
    """The constant L of a contraction.

    Raises:
        ValueError: it is not within (0, 1].
    """
    if not 0.0 < lipschitz <= 1.0:
        raise ValueError(f"lipschitz must be within (0, 1], got {lipschitz}")
    return lipschitz


class Unrolled(NamedTuple):
    """The inner steps of one pass."""

    latents: Tensor
    """The last of z_1 ... z_n, as many as were asked for, (kept, B, ...)."""
    projected: Tensor
    """Share of inner steps at which the projection was active, shape (B,)."""


class Core(nn.Module, ABC):
    """A latent step function f and its unroll z_{k+1} = Pi_R(f(z_k, x))."""

    certified = False
    """Whether f is a contraction by construction, whatever its weights are."""

    def lipschitz_bound(self) -> float:
        """Bound on |f(z) - f(z')| / |z - z'| for all latents and inputs, from the weights as they are.

        In the Euclidean norm over all entries of a latent; projecting afterwards changes nothing. Infinite where
        nothing is promised.
        """
        return inf

    @property
    @abstractmethod
    def size(self) -> int:
        """Entries of a latent."""

    def gain(self, radius: float | None) -> float:
        """Factor from a latent to units in which one on the sphere has entries of size one, whatever R is."""
        return 1.0 if radius is None else sqrt(self.size) / radius

    @abstractmethod
    def unroll(self, injection: Any, latent: Tensor | None, steps: int, radius: float | None, kept: int) -> Unrolled:
        """Take inner steps from `latent` (None: z_0 = 0) and keep the last ones."""

    def clamp_(self) -> None:  # most cores have nothing to clamp
        """Scale weights back after a gradient step, where a core wants that."""

    def take(self, injection: Any, rows: Tensor) -> Any:
        """The injections of some states of a batch."""
        return injection[rows]

    def later(self, injection: Any) -> Any:
        """What is injected after the first inner step of a pass."""
        return injection

    def tokens(self, latent: Tensor) -> Tensor:
        """Latents as heads read them."""
        return latent


def prove(core: Core, lipschitz: float) -> None:
    """Check that a new certified core keeps its promise.

    Raises:
        ValueError: it does not.
    """
    if core.lipschitz_bound() > lipschitz:
        raise ValueError(f"certified lipschitz={lipschitz}, but the weights give {core.lipschitz_bound()}")


def unrolled(
    step: Callable[[Tensor | None], Tensor], latent: Tensor | None, steps: int, radius: float | None, kept: int
) -> Unrolled:
    """Repeat a step and its projection."""
    z = latent
    latents: list[Tensor] = []
    active: list[Tensor] = []
    for _ in range(steps):
        z = step(z)
        if radius is not None:
            z, outside = project_ball(z, radius)
            active.append(outside.float())
        latents.append(z)
    last = latents[-1]
    projected = torch.stack(active).mean(0) if active else torch.zeros(len(last), device=last.device)
    return Unrolled(torch.stack(latents[-kept:]), projected)
