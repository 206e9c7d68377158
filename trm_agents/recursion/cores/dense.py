"""Latent step functions f: one hidden layer, weights shared by all inner steps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from math import inf, sqrt
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from trm_agents.recursion.projection import project_ball

Contraction = Literal["none", "clamp", "certified"]


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


class Unrolled(NamedTuple):
    """The inner steps of one pass."""

    latents: Tensor
    """The last of z_1 ... z_n, as many as were asked for, (kept, B, ...)."""
    projected: Tensor
    """Share of inner steps at which the projection was active, shape (B,)."""


class Core(nn.Module, ABC):
    """A latent step function f and its unroll z_{k+1} = Pi_R(f(z_k, x)).

    Args:
        contraction: `none`; `clamp`, the heuristic of the paper: `clamp_` scales weights back after each optimiser
            step, which shapes no gradient and says nothing of the step in between; or `certified`: f is L-Lipschitz by
            construction, whatever its weights are.
        lipschitz: L, within (0, 1]; not used without contraction.
    """

    def __init__(self, contraction: Contraction, lipschitz: float) -> None:
        super().__init__()
        if contraction not in ("none", "clamp", "certified"):
            raise ValueError(f"contraction must be 'none', 'clamp' or 'certified', got {contraction!r}")
        if not 0.0 < lipschitz <= 1.0:
            raise ValueError(f"lipschitz must be within (0, 1], got {lipschitz}")
        self.contraction = contraction
        self.lipschitz = lipschitz

    @property
    def certified(self) -> bool:
        """Whether the step is a contraction by construction."""
        return self.contraction == "certified"

    def lipschitz_bound(self) -> float:
        """Bound on |f(z) - f(z')| / |z - z'| for all latents and inputs, from the weights as they are.

        In the Euclidean norm over all entries of a latent; projecting afterwards changes nothing. At most L for a
        certified core, whatever L is; with `clamp` the product of the norms of both maps, at most L right after
        `clamp_`; infinite without contraction, where nothing is promised.
        """
        return inf

    def prove(self) -> None:
        """Check that a certified core keeps its promise; for the end of a constructor.

        Raises:
            ValueError: it does not.
        """
        if self.certified and self.lipschitz_bound() > self.lipschitz:
            raise ValueError(f"certified lipschitz={self.lipschitz}, but the weights give {self.lipschitz_bound()}")

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

    @abstractmethod
    def clamp_(self) -> None:
        """Scale weights back to where the contraction wants them, after a gradient step."""

    def take(self, injection: Any, rows: Tensor) -> Any:
        """The injections of some states of a batch."""
        return injection[rows]

    def tokens(self, latent: Tensor) -> Tensor:
        """Latents as heads read them."""
        return latent


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


class VectorCore(Core):
    """Dense layers on a vector; latents of shape (B, d), injections (i_1, i_2) side by side, (B, 2 d).

    The step is z + B relu(A z + i_1) + i_2 without contraction, B relu(A z + i_1) + i_2 with `clamp`, and certified it
    is L [z - 2 A^T relu(A z + i_1)] + i_2 with A divided by max(1, |A|), see `ExactCoverCore`.
    """

    def __init__(self, width: int, contraction: Contraction, lipschitz: float) -> None:
        super().__init__(contraction, lipschitz)
        self.expand = nn.Linear(width, width)
        self.contract = None if self.certified else nn.Linear(width, width)
        self.prove()

    @property
    def size(self) -> int:
        """Entries of a latent."""
        return self.expand.out_features

    def unroll(self, injection: Tensor, latent: Tensor | None, steps: int, radius: float | None, kept: int) -> Unrolled:
        """Take inner steps from `latent` (None: z_0 = 0) and keep the last ones."""
        return unrolled(lambda z: self.step(z, injection), latent, steps, radius, kept)

    def step(self, z: Tensor | None, injection: Tensor) -> Tensor:
        """f(z), (B, d); None stands for z_0 = 0."""
        first, second = injection.chunk(2, dim=-1)
        z = torch.zeros_like(second) if z is None else z
        weight = self._expanding()
        hidden = torch.relu(functional.linear(z, weight, self.expand.bias) + first)
        if self.contract is None:
            return self.lipschitz * (z - 2.0 * hidden @ weight) + second
        update: Tensor = self.contract(hidden) + second
        return update if self.contraction == "clamp" else z + update

    def _expanding(self) -> Tensor:
        """A."""
        return (
            at_most_one(self.expand.weight, spectral_norm(self.expand.weight)) if self.certified else self.expand.weight
        )

    def lipschitz_bound(self) -> float:
        """See `Core`; evaluated in float64."""
        if self.contraction == "none":
            return super().lipschitz_bound()
        with torch.no_grad():
            norm = float(spectral_norm(self._expanding().double()))
            if self.contract is None:
                return self.lipschitz * max(1.0, 2.0 * norm**2 - 1.0)
            return norm * float(spectral_norm(self.contract.weight.double()))

    @torch.no_grad()
    def clamp_(self) -> None:
        """Scale A and B back to norms of at most sqrt(L), with `clamp` alone."""
        if self.contraction == "clamp" and self.contract is not None:
            for weight in (self.expand.weight, self.contract.weight):
                weight.mul_(sqrt(self.lipschitz) / spectral_norm(weight).clamp_min(sqrt(self.lipschitz)))
