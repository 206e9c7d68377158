"""The exact-cover core: messages between the (cell, symbol) tokens of a puzzle."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trm_agents.recursion.cores import autograd as compiled
from trm_agents.recursion.cores.dense import Contraction, Core, Unrolled, at_most_one, spectral_norm, unrolled
from trm_agents.recursion.cores.kernels import Layout, layout
from trm_agents.recursion.cores.norms import modes, operator_norm
from trm_agents.recursion.encoders import TokenInjection, Tokens
from trm_envs.plan_edit.task import PlanTask


class ExactCoverCore(Core):
    """Messages between the candidates (cell, symbol) of a puzzle seen as exact cover.

    A z = W_0 z + sum_k W_k (sums over groups of kind k) + W_s (sum over the symbols of the cell, if it has several),
    where a kind of pairs is a graph, and its sums are those over the neighbours of a cell. A step is

    - without contraction, z' = Pi_R(z + W_2 relu(A z + I) + J + b);
    - with `clamp`, z' = Pi_R(W_2 relu(A z + I) + J + b), see `Core`;
    - certified, z' = Pi_R(L [z - 2 A^T relu(A z + I)] + J + b), with A divided by max(1, |A|) wherever it is used. The
      bracket is 1-Lipschitz when |A| <= 1: its derivative 1 - 2 A^T D A, with 0 <= D <= 1, has eigenvalues within
      [1 - 2 |A|^2, 1] (Meunier et al. 2022, convex potential layers). Projections onto a ball are 1-Lipschitz, so the
      step is L-Lipschitz in the Euclidean norm for every input and all weights. |A| is exact (`modes`) and
      differentiated through.

    A group of cells with a symbol is a constraint, and so is a cell. Weights are shared by all tokens, groups of a
    kind, symbols and inner steps, so the step commutes with every symmetry of the puzzle that keeps the groups, and has
    no size: a core trained on one size of grid runs on another. Latents have shape (B, T, d), token
    t = cell * n_symbols + symbol.

    Args:
        width: d.
        hidden: H.
        groups: cells of each group by kind, as `PlanTask.groups`.
        n_cells, n_symbols: of the task.
        contraction, lipschitz: see `Core`.

    Raises:
        ValueError: a contraction is asked for, and sums over the groups do not commute.
    """

    members: Tensor
    groups_of: Tensor
    ends: Tensor
    hearers: Tensor
    parts_of: Tensor
    modes: Tensor

    def __init__(
        self,
        width: int,
        hidden: int,
        groups: Mapping[str, NDArray[np.int64]],
        n_cells: int,
        n_symbols: int,
        contraction: Contraction = "none",
        lipschitz: float = 0.9,
    ) -> None:
        super().__init__(contraction, lipschitz)
        self.n_cells, self.n_symbols = n_cells, n_symbols
        for name, array in layout(groups, n_cells, n_symbols)._asdict().items():
            self.register_buffer(name, torch.from_numpy(array), persistent=False)
        if contraction != "none":
            self.register_buffer("modes", torch.from_numpy(modes(groups, n_cells, n_symbols)), persistent=False)
        self.own = nn.Parameter(torch.randn(hidden, width) / sqrt(width))
        self.maps = nn.Parameter(torch.randn(len(self.ends), hidden, width) * (0.35 / sqrt(width)))
        self.out = None if self.certified else nn.Parameter(torch.randn(width, hidden) * (0.5 / sqrt(hidden)))
        self.bias = nn.Parameter(torch.zeros(width))
        self.prove()

    def lipschitz_bound(self) -> float:
        """See `Core`; evaluated in float64."""
        if self.contraction == "none":
            return super().lipschitz_bound()
        with torch.no_grad():
            keep, own, maps, out, _ = self.weights()
            norm = float(operator_norm(own.double(), maps.double(), self.modes))
            if self.certified:
                return keep * max(1.0, 2.0 * norm**2 - 1.0)
            return norm * float(spectral_norm(out.double()))

    @torch.no_grad()
    def clamp_(self) -> None:
        """Scale A and W_2 back to norms of at most sqrt(L), with `clamp` alone."""
        if self.contraction == "clamp" and self.out is not None:
            most = sqrt(self.lipschitz)
            back = most / operator_norm(self.own, self.maps, self.modes).clamp_min(most)
            self.own.mul_(back)
            self.maps.mul_(back)
            self.out.mul_(most / spectral_norm(self.out).clamp_min(most))

    def weights(self) -> tuple[float, Tensor, Tensor, Tensor, Tensor]:
        """The step z' = keep z + B relu(A z + I) + J + b: keep, then A's and B's map of the token and of the sums."""
        if self.out is not None:
            return (
                float(self.contraction == "none"),
                self.own,
                self.maps,
                self.out,
                self.maps.new_zeros(0, *self.out.shape),
            )
        norm = operator_norm(self.own, self.maps, self.modes)
        own, maps = at_most_one(self.own, norm), at_most_one(self.maps, norm)
        return self.lipschitz, own, maps, -2.0 * self.lipschitz * own.T, -2.0 * self.lipschitz * maps.transpose(1, 2)

    @property
    def size(self) -> int:
        """Entries of a latent."""
        return len(self.bias) * self.n_cells * self.n_symbols

    def take(self, injection: TokenInjection, rows: Tensor) -> TokenInjection:
        """The injections of some states of a batch."""
        return TokenInjection(*(part[rows] for part in injection))

    def tokens(self, latent: Tensor) -> Tensor:
        """Latents token by token: (B, T, d) -> (B, n_cells, n_symbols, d)."""
        return latent.reshape(-1, self.n_cells, self.n_symbols, latent.shape[2])

    def unroll(
        self, injection: TokenInjection, latent: Tensor | None, steps: int, radius: float | None, kept: int
    ) -> Unrolled:
        """Take inner steps, compiled where that is possible: on the CPU, in float32, with no gradient for `latent`."""
        given = latent is not None and latent.requires_grad
        if not given and self.own.device.type == "cpu" and self.own.dtype == torch.float32:
            gain, (keep, own, maps, out, back) = self.gain(radius), self.weights()
            shift = (injection.shift + self.bias) / gain
            weights = injection.table, shift, own * gain, maps * gain, out / gain, back / gain
            cells = Layout(*(getattr(self, name).numpy() for name in Layout._fields))
            return compiled.unroll(injection.types.numpy(), latent, cells, keep, radius, steps, kept, weights)
        return unrolled(lambda z: self.step(z, injection, self.gain(radius)), latent, steps, radius, kept)

    def step(self, z: Tensor | None, injection: TokenInjection, gain: float) -> Tensor:
        """One inner step before its projection, (B, T, d); None stands for z_0 = 0."""
        keep, own, maps, out, back = self.weights()
        if z is None:
            z = own.new_zeros(len(injection.types), self.n_cells * self.n_symbols, len(self.bias))
        hidden = torch.relu(_of_types(injection.table, injection.types) + gain * self._mix(own, maps, z))
        shift = _of_types(injection.shift + self.bias, injection.types)
        return keep * z + (self._mix(out, back, hidden) + shift) / gain

    def _mix(self, own: Tensor, maps: Tensor, x: Tensor) -> Tensor:
        """Map each token and the sums over its groups and over the symbols of its cell: (B, T, K) -> (B, T, J)."""
        mixed = x @ own.T
        if not len(maps):
            return mixed
        cells = self.tokens(x)
        if self.n_symbols > 1:
            mixed = mixed + (cells.sum(2) @ maps[-1].T).repeat_interleave(self.n_symbols, dim=1)
        # With several symbols the last map is that of the cell sums.
        for weight, summed, heard in zip(maps, self._incidence(self.members, x), self._incidence(self.hearers, x)):  # noqa: B905
            told = torch.einsum("gc,bcsk->bgsk", summed, cells) @ weight.T
            mixed = mixed + torch.einsum("gc,bgsj->bcsj", heard, told).flatten(1, 2)
        return mixed

    def _incidence(self, rows: Tensor, like: Tensor) -> list[Tensor]:
        """Which cells each row of a kind holds, (groups of the kind, n_cells) each."""
        # The last column takes the padding.
        table = torch.zeros(len(rows), self.n_cells + 1).to(like)
        table.scatter_(1, torch.where(rows < 0, self.n_cells, rows), 1.0)
        ends = self.ends[:-1] if self.n_symbols > 1 else self.ends
        counts = torch.diff(ends, prepend=self.ends.new_zeros(1)) // self.n_symbols
        return list(torch.split(table[:, :-1], counts.tolist()))


def _of_types(table: Tensor, types: Tensor) -> Tensor:
    """What each token's category holds: table (B, n_types, K), types (B, T) -> (B, T, K)."""
    index = types.long()[:, :, None].expand(-1, -1, table.shape[2])
    return table.gather(1, index)


def exact_cover_core(
    task: PlanTask,
    width: int,
    hidden: int | None,
    contraction: Contraction,
    lipschitz: float,
    tokens: Tokens = "candidates",
) -> ExactCoverCore:
    """The core for a task, with 2 d hidden channels by default; with cells as tokens there are no symbols to sum over.

    Raises:
        ValueError: there are no such tokens.
    """
    if tokens not in ("candidates", "cells"):
        raise ValueError(f"tokens must be 'candidates' or 'cells', got {tokens!r}")
    wide = 2 * width if hidden is None else hidden
    n_symbols = task.n_symbols if tokens == "candidates" else 1
    return ExactCoverCore(width, wide, task.groups, task.n_cells, n_symbols, contraction, lipschitz)
