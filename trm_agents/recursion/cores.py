"""Latent step functions f: one hidden layer, weights shared by all inner steps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from math import inf, sqrt
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trm_agents.recursion.projection import project_ball

Contraction = Literal["none", "clamp", "certified"]


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

    @abstractmethod
    def unroll(self, injection: Any, latent: Tensor | None, steps: int, radius: float | None, kept: int) -> Unrolled:
        """Take inner steps from `latent` (None: z_0 = 0) and keep the last ones."""

    @abstractmethod
    def clamp_(self) -> None:
        """Scale weights back to where the contraction wants them, after a gradient step."""

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


class RecursiveCore(Core):
    """One inner step z' = [z +] B relu(A z + i_1) + i_2, before the projection.

    Without contraction the step is residual, with `clamp` it is not.
    """

    def __init__(self, contraction: Contraction, lipschitz: float) -> None:
        super().__init__(contraction, lipschitz)
        if self.certified:
            raise ValueError("contraction='certified' is not offered by this core")

    def lipschitz_bound(self) -> float:
        """See `Core`."""
        if self.contraction == "none":
            return super().lipschitz_bound()
        with torch.no_grad():
            expand, contract = self.maps()
            return float(expand.norm_bound() * contract.norm_bound())

    @abstractmethod
    def maps(self) -> tuple[LatentMap, LatentMap]:
        """The linear maps A and B."""

    def unroll(self, injection: Tensor, latent: Tensor | None, steps: int, radius: float | None, kept: int) -> Unrolled:
        """Take inner steps from `latent` (None: z_0 = 0) and keep the last ones."""
        return unrolled(lambda z: self.step(z, injection), latent, steps, radius, kept)

    def step(self, z: Tensor | None, injection: Tensor) -> Tensor:
        """f(z): latents (B, ..., d) and injections (i_1, i_2) stacked in the last axis, (B, ..., 2 d).

        None stands for z_0 = 0, whose image under A is the bias alone: no product is spent on it.
        """
        first, second = injection.chunk(2, dim=-1)
        expand, contract = self.maps()
        hidden = torch.relu(first + (expand.bias if z is None else expand(z)))
        update: Tensor = contract(hidden) + second
        return update if z is None or self.contraction == "clamp" else update + z

    @torch.no_grad()
    def clamp_(self) -> None:
        """Scale the maps back where their norm bound exceeds sqrt(L_z); does nothing without contraction."""
        if self.contraction == "clamp":
            for latent_map in self.maps():
                excess = float(latent_map.norm_bound()) / sqrt(self.lipschitz)
                if excess > 1.0:
                    latent_map.scale_(1.0 / excess)


class LatentMap(nn.Module, ABC):
    """A linear map on latents with a bound on its operator norm."""

    linear: nn.Linear

    @property
    def bias(self) -> Tensor:
        """The image of zero, shape (d,)."""
        return self.linear.bias

    @abstractmethod
    def norm_bound(self) -> Tensor:
        """An upper bound on the operator norm, a scalar."""

    @abstractmethod
    def scale_(self, factor: float) -> None:
        """Multiply the linear part by a factor, in place."""


class DenseMap(LatentMap):
    """An ordinary linear layer on vectors."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, z: Tensor) -> Tensor:
        """(B, d) -> (B, d)."""
        out: Tensor = self.linear(z)
        return out

    def norm_bound(self) -> Tensor:
        """The spectral norm itself."""
        norm: Tensor = torch.linalg.matrix_norm(self.linear.weight, ord=2)
        return norm

    def scale_(self, factor: float) -> None:
        """Scale the weight."""
        self.linear.weight.mul_(factor)


class TokenMap(LatentMap):
    """Linear message passing over (cell, symbol) tokens, equivariant to whatever leaves the relations as they are.

    Output = W_0 h + sum_r W_r (mean of h over the cells that relation r links, same symbol)
    + W_s (mean of h over the symbols of the cell) + b.

    Args:
        width: d.
        relations: averaging matrices, shape (n_relations, n_cells, n_cells), each of operator norm at most 1.
        n_symbols: symbols a cell; with one symbol the last term is left out.
    """

    relations: Tensor

    def __init__(self, width: int, relations: Tensor, n_symbols: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width * (1 + len(relations)), width)
        nn.init.normal_(self.linear.weight, std=1.0 / sqrt(width))
        nn.init.zeros_(self.linear.bias)
        self.symbols = nn.Linear(width, width, bias=False) if n_symbols > 1 else None
        if self.symbols is not None:
            nn.init.normal_(self.symbols.weight, std=1.0 / sqrt(width))
        self.register_buffer("relations", relations, persistent=False)

    def forward(self, h: Tensor) -> Tensor:
        """(B, n_cells, n_symbols, d) -> the same shape."""
        batch, cells, symbols, width = h.shape
        kinds = len(self.relations)
        linked = torch.matmul(self.relations.view(kinds * cells, cells), h.reshape(batch, cells, symbols * width))
        messages = linked.view(batch, kinds, cells, symbols, width).unbind(1)
        out: Tensor = self.linear(torch.cat([h, *messages], dim=-1))
        if self.symbols is not None:
            out = out + self.symbols(h.mean(2, keepdim=True))
        return out

    def norm_bound(self) -> Tensor:
        """Sum of the spectral norms of the W; every averaging has norm at most 1."""
        blocks = list(self.linear.weight.chunk(1 + len(self.relations), dim=1))
        if self.symbols is not None:
            blocks.append(self.symbols.weight)
        return torch.stack([torch.linalg.matrix_norm(block, ord=2) for block in blocks]).sum()

    def scale_(self, factor: float) -> None:
        """Scale all W."""
        self.linear.weight.mul_(factor)
        if self.symbols is not None:
            self.symbols.weight.mul_(factor)


def averaging(relations: Mapping[str, NDArray[np.bool_]]) -> Tensor:
    """Relation matrices divided by their largest degree, shape (n_relations, n_cells, n_cells), float32.

    They are symmetric with row sums at most 1, so the operator norm of each is at most 1.
    """
    return torch.stack([torch.from_numpy(links / links.sum(1).max()).float() for links in relations.values()])


class TokenCore(RecursiveCore):
    """Message passing over (cell, symbol) tokens; latents of shape (B, n_cells, n_symbols, d)."""

    def __init__(
        self,
        width: int,
        relations: Mapping[str, NDArray[np.bool_]],
        n_symbols: int,
        contraction: Contraction,
        lipschitz: float,
    ) -> None:
        super().__init__(contraction, lipschitz)
        matrices = averaging(relations)
        self.expand, self.contract = (TokenMap(width, matrices, n_symbols) for _ in range(2))

    def maps(self) -> tuple[LatentMap, LatentMap]:
        """The linear maps A and B."""
        return self.expand, self.contract


class VectorCore(RecursiveCore):
    """Dense layers on a vector; latents of shape (B, d)."""

    def __init__(self, width: int, contraction: Contraction, lipschitz: float) -> None:
        super().__init__(contraction, lipschitz)
        self.expand, self.contract = DenseMap(width), DenseMap(width)

    def maps(self) -> tuple[LatentMap, LatentMap]:
        """The linear maps A and B."""
        return self.expand, self.contract
