"""The compiled kernels as one differentiable operation of PyTorch."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trm_agents.recursion.cores import kernels
from trm_agents.recursion.cores.base import Unrolled
from trm_agents.recursion.cores.layout import Indices, Layout
from trm_agents.recursion.cores.messages import Floats


def unroll(
    types: NDArray[np.int16],
    start: Tensor | None,
    cells: Layout,
    neighbours: Indices | None,
    peaks: int,
    keep: float,
    radius: float | None,
    steps: int,
    kept: int,
    weights: tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor],
) -> Unrolled:
    """Inner steps on the CPU, in float32, from `start` (None: zero), which is given no gradient.

    Arguments and weights are those of `kernels.forward`; `neighbours` None: states have no graphs.
    """
    needs_grad = torch.is_grad_enabled() and any(weight.requires_grad for weight in weights)
    width = weights[2].shape[1]
    z_0 = np.empty((0, types.shape[1], width), np.float32) if start is None else start.contiguous().numpy()
    bound = inf if radius is None else radius
    edges = np.empty((0, 0, 0), np.int64) if neighbours is None else neighbours
    latents, norms = _Unroll.apply(types, z_0, cells, edges, peaks, keep, bound, steps, kept, needs_grad, *weights)  # type: ignore[no-untyped-call]
    return Unrolled(latents, (norms > bound).float().mean(0))


def _arrays(weights: tuple[Tensor, ...]) -> kernels.Weights:
    return kernels.Weights(*(weight.detach().contiguous().numpy() for weight in weights))


class _Unroll(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        types: NDArray[np.int16],
        start: Floats,
        cells: Layout,
        neighbours: Indices,
        peaks: int,
        keep: float,
        radius: float,
        steps: int,
        kept: int,
        needs_grad: bool,
        *weights: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """The last `kept` latents, (kept, B, T, d), and the norm before every projection, (steps, B)."""
        batch, tokens = types.shape
        hidden, width = weights[2].shape
        latents = torch.empty(steps if needs_grad else kept, batch, tokens, width)
        saved = torch.empty(steps, batch, tokens, hidden) if needs_grad else torch.empty(1, 1, tokens, hidden)
        norms = torch.empty(steps, batch)
        kernels.forward(
            types,
            start,
            keep,
            _arrays(weights),
            cells,
            neighbours,
            peaks,
            radius,
            steps,
            latents.numpy(),
            saved.numpy(),
            norms.numpy(),
        )
        if needs_grad:
            ctx.save_for_backward(latents, saved, norms, *weights)
            ctx.types, ctx.start, ctx.cells, ctx.neighbours = types, start, cells, neighbours
            ctx.peaks, ctx.keep, ctx.radius = peaks, keep, radius
        ctx.mark_non_differentiable(norms)
        return latents[-kept:], norms

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of the weights."""
        latents, saved, norms, *weights = ctx.saved_tensors
        if len(grad) < len(latents):
            grad = torch.cat([torch.zeros_like(latents[: len(latents) - len(grad)]), grad])
        gradients = [torch.zeros_like(weight, memory_format=torch.contiguous_format) for weight in weights]
        kernels.backward(
            ctx.types,
            ctx.start,
            ctx.keep,
            _arrays(weights),
            ctx.cells,
            ctx.neighbours,
            ctx.peaks,
            ctx.radius,
            latents.numpy(),
            saved.numpy(),
            norms.numpy(),
            grad.contiguous().numpy(),
            kernels.Weights(*(gradient.numpy() for gradient in gradients)),
        )
        return (*[None] * 10, *gradients)
