"""The exact-cover recursion as compiled loops: forward and backward of all inner steps, one state after another.

The same arithmetic in PyTorch streams arrays of a hundred kilobytes a state through memory a dozen times an inner
step; here a state stays in the cache for its whole unroll. `ExactCoverCore.step` is the readable form of it, and tests
hold the two against each other.

A step is z' = Pi_R(keep z + B relu(A z + I) + J). A and B are maps of the token itself plus maps of the sums over its
groups and its cell; `back`, the latter part of B, may be empty. Shapes: T tokens, d latent and H hidden channels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from trm_agents.recursion import loops
from trm_agents.recursion.loops import Floats, Layout


class Weights(NamedTuple):
    """What a step does to a state, or the gradient of it."""

    table: Floats
    """Hidden channels that each token category injects, I, (B, n_types, H)."""
    shift: Floats
    """Latent channels that each token category injects, J, (B, n_types, d)."""
    own: Floats
    """A's map of the token itself, (H, d)."""
    maps: Floats
    """A's maps of the group sums, a kind each, and last, with several symbols, that of the cell sums, (kinds, H, d)."""
    out: Floats
    """B's map of the token itself, (d, H)."""
    back: Floats
    """B's maps of the sums, (kinds, d, H), or none, (0, d, H)."""


@njit(cache=True, fastmath=True, error_model="numpy")
def forward(
    types: NDArray[np.int16],
    start: Floats,
    keep: float,
    weights: Weights,
    cells: Layout,
    radius: float,
    steps: int,
    latents: Floats,
    hidden: Floats,
    norms: Floats,
) -> None:
    """Unroll n inner steps.

    Args:
        types: category of each token, (B, T).
        start: z_0, (B, T, d), or (0, T, d) for zero.
        keep: factor of z in the step.
        weights: of the step.
        cells: how cells are grouped.
        radius: R.
        steps: n.
        latents: takes the last inner steps, (kept, B, T, d).
        hidden: takes the hidden channels for the backward pass, (n, B, T, H), or is scratch, (1, 1, T, H).
        norms: takes the norm of each latent before its projection, (n, B).
    """
    batch, tokens = types.shape
    wide, width = weights.own.shape
    n_symbols = tokens // len(cells.groups_of)
    own, out = weights.own.T.copy(), weights.out.T.copy()
    maps, back = weights.maps.transpose(0, 2, 1).copy(), weights.back.transpose(0, 2, 1).copy()
    z, new = np.empty((tokens, width), np.float32), np.empty((tokens, width), np.float32)
    sums, told = np.empty((cells.ends[-1], width), np.float32), np.empty((cells.ends[-1], wide), np.float32)
    first_kept, saved, scale = steps - len(latents), hidden.shape[:2] == (steps, batch), np.float32(keep)
    for b in range(batch):
        z[:] = 0.0
        if len(start):
            z[:] = start[b]
        for step in range(steps):
            h = hidden[step, b] if saved else hidden[0, 0]
            if step == 0 and not len(start):
                h[:] = 0.0
            else:
                np.dot(z, own, h)
                loops.send(z, maps, cells, n_symbols, sums, told, h)
            loops.add_categories(weights.table[b], types[b], h)
            loops.rectify(h)
            np.dot(h, out, new)
            if len(back):
                loops.send(h, back, cells, n_symbols, told, sums, new)
            loops.add_categories(weights.shift[b], types[b], new)
            z *= scale
            z += new
            norms[step, b] = loops.project(z, radius)
            if step >= first_kept:
                latents[step - first_kept, b] = z


@njit(cache=True, fastmath=True, error_model="numpy")
def backward(
    types: NDArray[np.int16],
    start: Floats,
    keep: float,
    weights: Weights,
    cells: Layout,
    radius: float,
    latents: Floats,
    hidden: Floats,
    norms: Floats,
    grad_latents: Floats,
    grads: Weights,
) -> None:
    """Add the gradients of all weights to `grads`, from those of z_1 ... z_n, (n, B, T, d)."""
    steps, batch, tokens, width = latents.shape
    wide = len(weights.own)
    n_symbols, heard = tokens // len(cells.groups_of), loops.transposed(cells)
    g, g_total = np.empty((tokens, width), np.float32), np.empty((tokens, width), np.float32)
    g_own = np.empty((tokens, width), np.float32)
    gh, gh_total = np.empty((tokens, wide), np.float32), np.empty((tokens, wide), np.float32)
    sums, back_sums = np.empty((cells.ends[-1], width), np.float32), np.empty((cells.ends[-1], width), np.float32)
    told, more = np.empty((cells.ends[-1], wide), np.float32), np.empty((cells.ends[-1], wide), np.float32)
    scale = np.float32(keep)
    for b in range(batch):
        g[:] = 0.0
        g_total[:] = 0.0
        gh_total[:] = 0.0
        for step in range(steps - 1, -1, -1):
            z, h, norm = latents[step, b], hidden[step, b], norms[step, b]
            loops.add_projected(grad_latents[step, b], z, norm, radius, g)
            g_total += g
            loops.add_outer(g, h, grads.out)
            np.dot(g, weights.out, gh)
            if len(weights.back):
                loops.send(g, weights.back, heard, n_symbols, sums, told, gh)
                loops.gather(h, cells.members, n_symbols, more)
                loops.add_outers(sums, more, cells.ends, grads.back)
            loops.mask(gh, h)
            gh_total += gh
            if step == 0 and not len(start):
                break
            before = latents[step - 1, b] if step else start[b]
            loops.add_outer(gh, before, grads.own)
            np.dot(gh, weights.own, g_own)
            g *= scale
            g += g_own
            loops.send(gh, weights.maps, heard, n_symbols, told, sums, g)
            loops.gather(before, cells.members, n_symbols, back_sums)
            loops.add_outers(told, back_sums, cells.ends, grads.maps)
        for t in range(tokens):
            grads.shift[b, types[b, t]] += g_total[t]
            grads.table[b, types[b, t]] += gh_total[t]
