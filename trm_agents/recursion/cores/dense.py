"""Dense cores, over feature vectors."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from trm_agents.recursion.cores.base import Core, Unrolled, at_most_one, checked, prove, spectral_norm, unrolled


class DenseCore(Core):
    """Dense layers on a vector: z' = Pi_R(z + B relu(A z + i_1) + i_2).

    Latents have shape (B, d), injections (i_1, i_2) side by side (B, 2 d).

    Args:
        width: d.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.expand = nn.Linear(width, width)
        self.contract = self._contract(width)

    def _contract(self, width: int) -> nn.Linear | None:
        """B, where it is a map of its own."""
        return nn.Linear(width, width)

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
        return self._move(z, first, second)

    def _move(self, z: Tensor, first: Tensor, second: Tensor) -> Tensor:
        hidden = torch.relu(functional.linear(z, self.expand.weight, self.expand.bias) + first)
        assert self.contract is not None
        update: Tensor = self.contract(hidden) + second
        return z + update


class CertifiedDenseCore(DenseCore):
    """z' = Pi_R(L [z - 2 A^T relu(A z + i_1)] + i_2) with A divided by max(1, |A|), see `CertifiedExactCoverCore`.

    Args:
        width: d.
        lipschitz: L, within (0, 1].
    """

    certified = True

    def __init__(self, width: int, lipschitz: float) -> None:
        super().__init__(width)
        self.lipschitz = checked(lipschitz)
        prove(self, lipschitz)

    def _contract(self, width: int) -> None:
        return None

    def _move(self, z: Tensor, first: Tensor, second: Tensor) -> Tensor:
        weight = self._expanding()
        hidden = torch.relu(functional.linear(z, weight, self.expand.bias) + first)
        return self.lipschitz * (z - 2.0 * hidden @ weight) + second

    def _expanding(self) -> Tensor:
        """A."""
        return at_most_one(self.expand.weight, spectral_norm(self.expand.weight))

    def lipschitz_bound(self) -> float:
        """At most L, see `Core`; evaluated in float64."""
        with torch.no_grad():
            norm = float(spectral_norm(self._expanding().double()))
        return self.lipschitz * max(1.0, 2.0 * norm**2 - 1.0)


@dataclass(frozen=True)
class Dense:
    """Dense layers without a contraction, for `MlpPolicy` and `MultiInputPolicy`."""

    def build(self, width: int) -> DenseCore:
        """A new core of this width d."""
        return DenseCore(width)


@dataclass(frozen=True)
class CertifiedDense:
    """Dense layers whose inner step is L-Lipschitz by construction.

    Args:
        lipschitz: L, within (0, 1].
    """

    lipschitz: float = 0.9

    def build(self, width: int) -> CertifiedDenseCore:
        """A new core of this width d."""
        return CertifiedDenseCore(width, self.lipschitz)


AnyDense = Dense | CertifiedDense
