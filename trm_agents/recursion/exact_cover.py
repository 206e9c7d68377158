"""The exact-cover core: messages between the (cell, symbol) tokens of a puzzle, and the readout of repairs."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, sqrt
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trm_agents.recursion import fused
from trm_agents.recursion.cores import Core, Unrolled, unrolled
from trm_agents.recursion.encoders import token_table
from trm_envs.plan_edit.mdp import PlanEditMDP


class TokenInjection(NamedTuple):
    """What the tokens of a batch are: a category each, and what every category injects."""

    types: Tensor
    """Category of each token, (B, T), uint8."""
    table: Tensor
    """Hidden channels that each category injects, (B, n_types, H)."""


class CategoryEncoder(nn.Module):
    """Plan-edit observations -> `TokenInjection`: an embedding a category, shifted by the edits that are left.

    Args:
        mdp: the task and its edit budget.
        width: hidden channels H.
    """

    table: Tensor

    def __init__(self, mdp: PlanEditMDP, width: int) -> None:
        super().__init__()
        self.max_edits = mdp.max_edits
        self.register_buffer("table", token_table(mdp.task).to(torch.uint8), persistent=False)
        self.category = nn.Parameter(torch.randn(mdp.task.n_token_types, width) / 2)
        self.remaining = nn.Parameter(torch.zeros(width))

    def forward(self, observation: dict[str, Tensor]) -> TokenInjection:
        """`instance` and `plan` of shape (B, n_cells), `remaining_edits` of shape (B, 1)."""
        types = self.table[observation["instance"].long(), observation["plan"].long()].flatten(1)
        clock = observation["remaining_edits"].to(self.category.dtype) / self.max_edits
        return TokenInjection(types, self.category + (clock * self.remaining)[:, None, :])


class ExactCoverCore(Core):
    """z' = Pi_R(z + W_2 relu(I + W_0 z + sum_k W_k (sums over groups of kind k) + W_s (sum over symbols)) + b).

    Sudoku as exact cover: a token is a candidate (cell, symbol), a group of cells with a symbol is a constraint, and
    so is a cell. Weights are shared by all tokens, groups of a kind, symbols and inner steps, so the step commutes
    with every symmetry of the puzzle that keeps the groups, and has no size: a core trained on one size of grid runs
    on another. Latents have shape (B, d, T), token t = cell * n_symbols + symbol.

    Args:
        width: d, a multiple of 4.
        hidden: H, a multiple of 4.
        groups: cells of each group by kind, as `PlanTask.groups`.
        n_cells, n_symbols: of the task.
    """

    members: Tensor
    groups_of: Tensor
    ends: Tensor

    def __init__(
        self, width: int, hidden: int, groups: Mapping[str, NDArray[np.int64]], n_cells: int, n_symbols: int
    ) -> None:
        super().__init__()
        if width % fused.BLOCK or hidden % fused.BLOCK:
            raise ValueError(f"width and hidden must be multiples of {fused.BLOCK}, got {width} and {hidden}")
        self.n_cells, self.n_symbols = n_cells, n_symbols
        layout = fused.layout(groups, n_cells, n_symbols)
        for name, array in layout._asdict().items():
            self.register_buffer(name, torch.from_numpy(array), persistent=False)
        self.own = nn.Parameter(torch.randn(hidden, width) / sqrt(width))
        self.maps = nn.Parameter(torch.randn(len(groups) + 1, hidden, width) * (0.35 / sqrt(width)))
        self.out = nn.Parameter(torch.randn(width, hidden) * (0.5 / sqrt(hidden)))
        self.bias = nn.Parameter(torch.zeros(width))

    def clamp_(self) -> None:
        """Nothing to clamp: this core is not contracted."""

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
        if latent is None and self.out.device.type == "cpu" and self.out.dtype == torch.float32:
            return self._fused(injection, steps, radius, kept)
        return unrolled(lambda z: self.step(z, injection, self.gain(radius)), latent, steps, radius, kept)

    def step(self, z: Tensor | None, injection: TokenInjection, gain: float) -> Tensor:
        """One inner step before its projection, (B, d, T); None stands for z_0 = 0."""
        if z is None:
            z = self.out.new_zeros(len(injection.types), len(self.bias), self.n_cells * self.n_symbols)
        cells = z.view(*z.shape[:2], self.n_cells, self.n_symbols)
        of_cell = torch.einsum("hd,bdc->bhc", self.maps[-1], cells.sum(3))
        hidden = torch.einsum("hd,bdt->bht", self.own, z) + of_cell.repeat_interleave(self.n_symbols, dim=2)
        for weight, incidence in zip(self.maps[:-1], self._incidence(z), strict=True):
            sums = torch.einsum("gc,bdcs->bdgs", incidence, cells)
            told = torch.einsum("hd,bdgs->bhgs", weight, sums)
            hidden = hidden + torch.einsum("gc,bhgs->bhcs", incidence, told).flatten(2)
        index = injection.types.long()[:, :, None].expand(-1, -1, len(self.own))
        injected = injection.table.gather(1, index).transpose(1, 2)
        update = torch.einsum("dh,bht->bdt", self.out, torch.relu(injected + gain * hidden)) + self.bias[:, None]
        return z + update / gain

    def _incidence(self, like: Tensor) -> list[Tensor]:
        """Which cells each group of a kind holds, (groups of the kind, n_cells) each."""
        # The last column takes the padding.
        table = torch.zeros(len(self.members), self.n_cells + 1).to(like)
        table.scatter_(1, torch.where(self.members < 0, self.n_cells, self.members), 1.0)
        counts = torch.diff(self.ends[:-1], prepend=self.ends.new_zeros(1)) // self.n_symbols
        return list(torch.split(table[:, :-1], counts.tolist()))

    def _fused(self, injection: TokenInjection, steps: int, radius: float | None, kept: int) -> Unrolled:
        gain = self.gain(radius)
        weights = (injection.table, self.own * gain, self.maps * gain, self.out / gain, self.bias / gain)
        layout = fused.Layout(self.members.numpy(), self.groups_of.numpy(), self.ends.numpy())
        bound = inf if radius is None else radius
        needs_grad = torch.is_grad_enabled() and any(weight.requires_grad for weight in weights)
        types = injection.types.numpy()
        latents, norms = _Unroll.apply(types, layout, bound, steps, kept, needs_grad, *weights)  # type: ignore[no-untyped-call]
        return Unrolled(latents, (norms > bound).float().mean(0))


class _Unroll(torch.autograd.Function):
    """`fused.forward` and `fused.backward` as one differentiable operation."""

    @staticmethod
    def forward(
        ctx: Any,
        types: NDArray[np.uint8],
        layout: fused.Layout,
        radius: float,
        steps: int,
        kept: int,
        needs_grad: bool,
        *weights: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """The last `kept` latents, (kept, B, d, T), and the norm before every projection, (steps, B)."""
        table, own, maps, out, bias = (weight.detach().contiguous().numpy() for weight in weights)
        hidden, width = weights[1].shape
        batch, tokens = types.shape
        latents = torch.empty(steps if needs_grad else kept, batch, width, tokens)
        saved = torch.empty(steps, batch, hidden, tokens) if needs_grad else torch.empty(1, 1, hidden, tokens)
        norms = torch.empty(steps, batch)
        arrays = (table, own, maps, out, bias, layout.members, layout.groups_of, layout.ends)
        fused.forward(types, *arrays, radius, steps, latents.numpy(), saved.numpy(), norms.numpy())
        if needs_grad:
            ctx.save_for_backward(latents, saved, norms, *weights)
            ctx.types, ctx.layout, ctx.radius = types, layout, radius
        ctx.mark_non_differentiable(norms)
        return latents[-kept:], norms

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of the weights."""
        latents, saved, norms, *weights = ctx.saved_tensors
        if len(grad) < len(latents):
            grad = torch.cat([torch.zeros_like(latents[: len(latents) - len(grad)]), grad])
        own, maps, out = (weight.detach().contiguous().numpy() for weight in weights[1:-1])
        gradients = [torch.zeros_like(weight) for weight in weights]
        fused.backward(
            ctx.types,
            own,
            maps,
            out,
            ctx.layout.members,
            ctx.layout.groups_of,
            ctx.layout.ends,
            ctx.radius,
            latents.numpy(),
            saved.numpy(),
            norms.numpy(),
            grad.contiguous().numpy(),
            *[gradient.numpy() for gradient in gradients],
        )
        return (None, None, None, None, None, None, *gradients)
