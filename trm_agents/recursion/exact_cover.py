"""The exact-cover core: messages between the (cell, symbol) tokens of a puzzle."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trm_agents.recursion import compiled
from trm_agents.recursion.cores import Contraction, Core, Unrolled, unrolled
from trm_agents.recursion.encoders import token_table
from trm_agents.recursion.loops import BLOCK, Layout, layout
from trm_agents.recursion.modes import modes, operator_norm
from trm_envs.plan_edit.mdp import PlanEditMDP

SLACK = 1e-5
"""Relative room between |A| and 1 that the certified step leaves: a hundred roundings of float32.

It covers what float32 may get wrong in the norm, in the division by it and in the units of the radius, so that the
step's exact function is L-Lipschitz. What evaluating that function in float32 adds is no property of it: the outputs
of two nearby latents are rounded each for itself.
"""


class TokenInjection(NamedTuple):
    """What the tokens of a batch are: a category each, and what every category injects."""

    types: Tensor
    """Category of each token, (B, T), uint8."""
    table: Tensor
    """Hidden channels that each category injects (I), (B, n_types, H)."""
    shift: Tensor
    """Latent channels that each category injects (J), (B, n_types, d)."""


class CategoryEncoder(nn.Module):
    """Plan-edit observations -> `TokenInjection`: an embedding a category, shifted by the edits that are left.

    Args:
        mdp: the task and its edit budget.
        width: latent channels d.
        hidden: hidden channels H.
        shifts: whether categories inject into the latent as well.
    """

    table: Tensor

    def __init__(self, mdp: PlanEditMDP, width: int, hidden: int, shifts: bool) -> None:
        super().__init__()
        self.max_edits, self.width = mdp.max_edits, width
        self.register_buffer("table", token_table(mdp.task).to(torch.uint8), persistent=False)
        self.category = nn.Parameter(torch.randn(mdp.task.n_token_types, hidden) / 2)
        self.remaining = nn.Parameter(torch.zeros(hidden))
        self.shift = nn.Parameter(torch.randn(mdp.task.n_token_types, width) * 0.3) if shifts else None

    def forward(self, observation: dict[str, Tensor]) -> TokenInjection:
        """`instance` and `plan` of shape (B, n_cells), `remaining_edits` of shape (B, 1)."""
        types = self.table[observation["instance"].long(), observation["plan"].long()].flatten(1)
        clock = observation["remaining_edits"].to(self.category.dtype) / self.max_edits
        shift = self.category.new_zeros(len(self.category), self.width) if self.shift is None else self.shift
        return TokenInjection(
            types, self.category + (clock * self.remaining)[:, None, :], shift.expand(len(types), -1, -1)
        )


class ExactCoverCore(Core):
    """Messages between the candidates (cell, symbol) of a puzzle seen as exact cover.

    A z = W_0 z + sum_k W_k (sums over groups of kind k) + W_s (sum over the symbols of the cell), and a step is

    - without contraction, z' = Pi_R(z + W_2 relu(A z + I) + J + b);
    - with `clamp`, z' = Pi_R(W_2 relu(A z + I) + J + b), see `Core`;
    - certified, z' = Pi_R(L [z - 2 A^T relu(A z + I)] + J + b), with A divided by max(1, |A|) wherever it is used. The
      bracket is 1-Lipschitz when |A| <= 1: its derivative 1 - 2 A^T D A, with 0 <= D <= 1, has eigenvalues within
      [1 - 2 |A|^2, 1] (Meunier et al. 2022, convex potential layers). Projections onto a ball are 1-Lipschitz, so the
      step is L-Lipschitz in the Euclidean norm for every input and all weights. |A| is exact (`modes`) and
      differentiated through.

    A group of cells with a symbol is a constraint, and so is a cell. Weights are shared by all tokens, groups of a
    kind, symbols and inner steps, so the step commutes with every symmetry of the puzzle that keeps the groups, and has
    no size: a core trained on one size of grid runs on another. Latents have shape (B, d, T), token
    t = cell * n_symbols + symbol.

    Args:
        width: d, a multiple of 4.
        hidden: H, a multiple of 4.
        groups: cells of each group by kind, as `PlanTask.groups`.
        n_cells, n_symbols: of the task.
        contraction, lipschitz: see `Core`.

    Raises:
        ValueError: a contraction is asked for, and sums over the groups do not commute.
    """

    members: Tensor
    groups_of: Tensor
    ends: Tensor
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
        if width % BLOCK or hidden % BLOCK:
            raise ValueError(f"width and hidden must be multiples of {BLOCK}, got {width} and {hidden}")
        self.n_cells, self.n_symbols = n_cells, n_symbols
        for name, array in layout(groups, n_cells, n_symbols)._asdict().items():
            self.register_buffer(name, torch.from_numpy(array), persistent=False)
        if contraction != "none":
            self.register_buffer("modes", torch.from_numpy(modes(groups, n_cells, n_symbols)), persistent=False)
        self.own = nn.Parameter(torch.randn(hidden, width) / sqrt(width))
        self.maps = nn.Parameter(torch.randn(len(groups) + 1, hidden, width) * (0.35 / sqrt(width)))
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
            return norm * float(torch.linalg.matrix_norm(out.double(), ord=2))

    @torch.no_grad()
    def clamp_(self) -> None:
        """Scale A and W_2 back to norms of at most sqrt(L), with `clamp` alone."""
        if self.contraction == "clamp" and self.out is not None:
            most = sqrt(self.lipschitz)
            back = most / operator_norm(self.own, self.maps, self.modes).clamp_min(most)
            self.own.mul_(back)
            self.maps.mul_(back)
            self.out.mul_(most / torch.linalg.matrix_norm(self.out, ord=2).clamp_min(most))

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
        back = 1.0 / (norm * (1.0 + SLACK)).clamp_min(1.0)
        own, maps = self.own * back, self.maps * back
        return self.lipschitz, own, maps, -2.0 * self.lipschitz * own.T, -2.0 * self.lipschitz * maps.transpose(1, 2)

    def gain(self, radius: float | None) -> float:
        """Factor from a latent to units in which one on the sphere has entries of size one, whatever R is."""
        return 1.0 if radius is None else sqrt(len(self.bias) * self.n_cells * self.n_symbols) / radius

    def tokens(self, latent: Tensor) -> Tensor:
        """Latents token by token: (B, d, T) -> (B, n_cells, n_symbols, d)."""
        return latent.view(*latent.shape[:2], self.n_cells, self.n_symbols).permute(0, 2, 3, 1)

    def unroll(
        self, injection: TokenInjection, latent: Tensor | None, steps: int, radius: float | None, kept: int
    ) -> Unrolled:
        """Take inner steps, compiled where that is possible: on the CPU, in float32, from z_0 = 0."""
        if latent is None and self.own.device.type == "cpu" and self.own.dtype == torch.float32:
            gain, (keep, own, maps, out, back) = self.gain(radius), self.weights()
            shift = (injection.shift + self.bias) / gain
            weights = injection.table, shift, own * gain, maps * gain, out / gain, back / gain
            cells = Layout(self.members.numpy(), self.groups_of.numpy(), self.ends.numpy())
            return compiled.unroll(injection.types.numpy(), cells, keep, radius, steps, kept, weights)
        return unrolled(lambda z: self.step(z, injection, self.gain(radius)), latent, steps, radius, kept)

    def step(self, z: Tensor | None, injection: TokenInjection, gain: float) -> Tensor:
        """One inner step before its projection, (B, d, T); None stands for z_0 = 0."""
        keep, own, maps, out, back = self.weights()
        if z is None:
            z = own.new_zeros(len(injection.types), len(self.bias), self.n_cells * self.n_symbols)
        hidden = torch.relu(_of_types(injection.table, injection.types) + gain * self._mix(own, maps, z))
        shift = _of_types(injection.shift + self.bias, injection.types)
        return keep * z + (self._mix(out, back, hidden) + shift) / gain

    def _mix(self, own: Tensor, maps: Tensor, x: Tensor) -> Tensor:
        """Map each token and the sums over its groups and over the symbols of its cell: (B, K, T) -> (B, J, T)."""
        mixed = torch.einsum("jk,bkt->bjt", own, x)
        if not len(maps):
            return mixed
        cells = x.view(*x.shape[:2], self.n_cells, self.n_symbols)
        mixed = mixed + torch.einsum("jk,bkc->bjc", maps[-1], cells.sum(3)).repeat_interleave(self.n_symbols, dim=2)
        for weight, incidence in zip(maps[:-1], self._incidence(x), strict=True):
            sums = torch.einsum("gc,bkcs->bkgs", incidence, cells)
            told = torch.einsum("jk,bkgs->bjgs", weight, sums)
            mixed = mixed + torch.einsum("gc,bjgs->bjcs", incidence, told).flatten(2)
        return mixed

    def _incidence(self, like: Tensor) -> list[Tensor]:
        """Which cells each group of a kind holds, (groups of the kind, n_cells) each."""
        # The last column takes the padding.
        table = torch.zeros(len(self.members), self.n_cells + 1).to(like)
        table.scatter_(1, torch.where(self.members < 0, self.n_cells, self.members), 1.0)
        counts = torch.diff(self.ends[:-1], prepend=self.ends.new_zeros(1)) // self.n_symbols
        return list(torch.split(table[:, :-1], counts.tolist()))


def _of_types(table: Tensor, types: Tensor) -> Tensor:
    """What each token's category holds: table (B, n_types, K), types (B, T) -> (B, K, T)."""
    index = types.long()[:, :, None].expand(-1, -1, table.shape[2])
    return table.gather(1, index).transpose(1, 2)
