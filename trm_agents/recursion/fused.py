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
        start: z_0, (B, d, T), or (0, d, T) for zero.
        keep: factor of z in the step.
        weights: of the step.
        cells: how cells are grouped.
        radius: R.
        steps: n.
        latents: takes the last inner steps, (kept, B, d, T).
        hidden: takes the hidden channels for the backward pass, (n, B, H, T), or is scratch, (1, 1, H, T).
        norms: takes the norm of each latent before its projection, (n, B).
    """
    batch, tokens = types.shape
    wide, width = weights.own.shape
    n_sums = cells.ends[-1]
    n_symbols = tokens // len(cells.groups_of)
    z, z_tokens = np.empty((width, tokens), np.float32), np.empty((tokens, width), np.float32)
    shifted = np.empty((tokens, width), np.float32)
    injected, h_tokens = np.empty((tokens, wide), np.float32), np.empty((tokens, wide), np.float32)
    sums, sums_t = np.empty((n_sums, width), np.float32), np.empty((width, n_sums), np.float32)
    told, told_t = np.empty((n_sums, wide), np.float32), np.empty((wide, n_sums), np.float32)
    first_kept, saved = steps - len(latents), hidden.shape[:2] == (steps, batch)
    for b in range(batch):
        z_tokens[:] = 0.0
        if len(start):
            z[:] = start[b]
        for t in range(tokens):
            injected[t] = weights.table[b, types[b, t]]
            shifted[t] = weights.shift[b, types[b, t]]
        for step in range(steps):
            h = hidden[step, b] if saved else hidden[0, 0]
            if step == 0 and not len(start):
                loops.transpose(injected, h)
            else:
                loops.transpose(z, z_tokens)
                h_tokens[:] = injected
                loops.send(z_tokens, weights.maps, cells, n_symbols, sums, sums_t, told_t, told, h_tokens)
                loops.transpose(h_tokens, h)
                loops.add_product(weights.own, z, h, 0, tokens)
            loops.rectify(h)
            loops.scale_add(z_tokens, keep, shifted)
            if len(weights.back):
                loops.transpose(h, h_tokens)
                loops.send(h_tokens, weights.back, cells, n_symbols, told, told_t, sums_t, sums, z_tokens)
            loops.transpose(z_tokens, z)
            loops.add_product(weights.out, h, z, 0, tokens)
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
    """Add the gradients of all weights to `grads`, from those of z_1 ... z_n, (n, B, d, T)."""
    steps, batch, width, tokens = latents.shape
    wide = len(weights.own)
    n_sums = cells.ends[-1]
    n_symbols, heard = tokens // len(cells.groups_of), loops.transposed(cells)
    own_t, out_t = weights.own.T.copy(), weights.out.T.copy()
    maps_t, back_t = weights.maps.transpose(0, 2, 1).copy(), weights.back.transpose(0, 2, 1).copy()
    g, g_tokens = np.empty((width, tokens), np.float32), np.empty((tokens, width), np.float32)
    gh, gh_tokens = np.empty((wide, tokens), np.float32), np.empty((tokens, wide), np.float32)
    g_total, gh_total = np.empty((width, tokens), np.float32), np.empty((wide, tokens), np.float32)
    sums, sums_t = np.empty((n_sums, width), np.float32), np.empty((width, n_sums), np.float32)
    told, told_t = np.empty((n_sums, wide), np.float32), np.empty((wide, n_sums), np.float32)
    more, more_t = np.empty((n_sums, wide), np.float32), np.empty((wide, n_sums), np.float32)
    for b in range(batch):
        g[:] = 0.0
        g_total[:] = 0.0
        gh_total[:] = 0.0
        for step in range(steps - 1, -1, -1):
            z, h, norm = latents[step, b], hidden[step, b], norms[step, b]
            loops.add_projected(grad_latents[step, b], z, norm, radius, g)
            g_total += g
            loops.add_outer(g, h, grads.out, 0, tokens)
            gh[:] = 0.0
            if len(weights.back):
                loops.transpose(h, gh_tokens)
                loops.gather(gh_tokens, cells.members, n_symbols, more)
                loops.transpose(more, more_t)
                loops.transpose(g, g_tokens)
                gh_tokens[:] = 0.0
                loops.send(g_tokens, back_t, heard, n_symbols, sums, sums_t, told_t, told, gh_tokens)
                loops.add_outers(sums_t, more_t, cells.ends, grads.back)
                loops.transpose(gh_tokens, gh)
            loops.add_product(out_t, g, gh, 0, tokens)
            loops.mask(gh, h)
            gh_total += gh
            if step == 0 and not len(start):
                break
            before = latents[step - 1, b] if step else start[b]
            loops.add_outer(gh, before, grads.own, 0, tokens)
            loops.transpose(before, g_tokens)
            loops.gather(g_tokens, cells.members, n_symbols, sums)
            loops.transpose(sums, sums_t)
            g *= np.float32(keep)
            loops.add_product(own_t, gh, g, 0, tokens)
            loops.transpose(g, g_tokens)
            loops.transpose(gh, gh_tokens)
            loops.gather(gh_tokens, heard.members, n_symbols, told)
            loops.transpose(told, told_t)
            loops.add_outers(told_t, sums_t, cells.ends, grads.maps)
            loops.map_sums(maps_t, cells.ends, told_t, sums_t)
            loops.transpose(sums_t, sums)
            loops.scatter(sums, heard.groups_of, n_symbols, g_tokens)
            loops.transpose(g_tokens, g)
        loops.transpose(g_total, g_tokens)
        loops.transpose(gh_total, gh_tokens)
        for t in range(tokens):
            grads.shift[b, types[b, t]] += g_tokens[t]
            grads.table[b, types[b, t]] += gh_tokens[t]
