"""The exact-cover recursion as compiled loops: forward and backward of all inner steps, one state after another.

In PyTorch the same arithmetic streams arrays through memory a dozen times an inner step; here a state stays in the
cache for its whole unroll. `ExactCoverCore.step` is the readable form, and tests compare the two.

A step is z' = Pi_R(keep z + B relu(A z + I) + J). A and B are maps of the token itself plus maps of the sums over its
groups and its cell; `back`, the latter part of B, may be empty. Shapes: T = n_cells * n_symbols tokens, M sums, kind
after kind and last those of the cells, d latent and H hidden channels. Products of matrices are those of BLAS.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trm_agents.recursion.cores.layout import Indices, Layout
from trm_agents.recursion.cores.messages import ZERO, Floats, gather, placed, raise_peaks, send, send_back, transposed
from trm_envs.jit import kernel

HALF = np.float32(0.5)


@kernel(fastmath=True, error_model="numpy")
def add_outer(y: Floats, x: Floats, out: Floats) -> None:
    """Add the sum over tokens of y x^T to out; y (T, J), x (T, K), out (J, K)."""
    out += np.dot(y.T, x)


@kernel(fastmath=True, error_model="numpy")
def add_outers(y: Floats, x: Floats, ends: Indices, out: Floats) -> None:
    """Add the sums over each kind's rows of y x^T to that kind's block of out; (M, J), (M, K), (kinds, J, K)."""
    start = 0
    for i in range(len(out)):
        add_outer(y[start : ends[i]], x[start : ends[i]], out[i])
        start = ends[i]


@kernel(fastmath=True, error_model="numpy")
def project(z: Floats, radius: float) -> float:
    """Scale z in place onto the ball and return its norm from before; an infinite radius leaves it alone."""
    entries = z.ravel()
    squares = ZERO
    for i in range(len(entries)):
        squares += entries[i] * entries[i]
    norm: float = np.sqrt(squares)
    if norm > radius:
        entries *= np.float32(radius / norm)
    return norm


@kernel(fastmath=True, error_model="numpy")
def add_projected(grad: Floats, z: Floats, norm: float, radius: float, g: Floats) -> None:
    """G <- gradient with respect to the latent before the projection, where g + grad is that after it."""
    into, more, latent = g.ravel(), grad.ravel(), z.ravel()
    inner = ZERO
    for i in range(len(into)):
        into[i] += more[i]
        inner += into[i] * latent[i]
    if norm > radius:
        scale, shift = np.float32(radius / norm), np.float32(inner / (radius * radius))
        for i in range(len(into)):
            into[i] = scale * (into[i] - shift * latent[i])


@kernel(fastmath=True, error_model="numpy")
def add_categories(table: Floats, types: NDArray[np.int16], out: Floats) -> None:
    """Add to each token of out (T, K) what its category holds, table (n_types, K)."""
    for t in range(len(types)):
        row, into = table[types[t]], out[t]
        for k in range(len(into)):
            into[k] += row[k]


@kernel(fastmath=True, error_model="numpy")
def rectify(h: Floats) -> None:
    """Set negative entries to zero, without a comparison, which would not be vectorised."""
    entries = h.ravel()
    for i in range(len(entries)):
        entries[i] = HALF * (entries[i] + abs(entries[i]))


@kernel(fastmath=True, error_model="numpy")
def mask(grad: Floats, h: Floats) -> None:
    """Drop the gradient where h, which has been rectified, is not positive."""
    entries, active = grad.ravel(), h.ravel()
    for i in range(len(entries)):
        # Read first: a conditional read would not be vectorised.
        kept = entries[i]
        entries[i] = kept if active[i] > ZERO else ZERO


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


@kernel(fastmath=True, error_model="numpy")
def forward(
    types: NDArray[np.int16],
    start: Floats,
    keep: float,
    weights: Weights,
    cells: Layout,
    neighbours: Indices,
    peaks: int,
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
        neighbours: as `placed` takes them.
        peaks: channels of A's sums over groups that are maxima, the last ones; none where B has maps of sums.
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
    sums, sent = np.empty((cells.ends[-1], width), np.float32), np.empty((cells.ends[-1], wide), np.float32)
    first_kept, saved, scale = steps - len(latents), hidden.shape[:2] == (steps, batch), np.float32(keep)
    for b in range(batch):
        here = placed(cells, neighbours, b)
        z[:] = 0.0
        if len(start):
            z[:] = start[b]
        for step in range(steps):
            h = hidden[step, b] if saved else hidden[0, 0]
            if step == 0 and not len(start):
                h[:] = 0.0
            else:
                np.dot(z, own, h)
                send(z, maps, here, n_symbols, peaks, sums, sent, h)
            add_categories(weights.table[b], types[b], h)
            rectify(h)
            np.dot(h, out, new)
            if len(back):
                send(h, back, here, n_symbols, 0, sent, sums, new)
            add_categories(weights.shift[b], types[b], new)
            z *= scale
            z += new
            norms[step, b] = project(z, radius)
            if step >= first_kept:
                latents[step - first_kept, b] = z


@kernel(fastmath=True, error_model="numpy")
def backward(
    types: NDArray[np.int16],
    start: Floats,
    keep: float,
    weights: Weights,
    cells: Layout,
    neighbours: Indices,
    peaks: int,
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
    n_symbols = tokens // len(cells.groups_of)
    g, g_total = np.empty((tokens, width), np.float32), np.empty((tokens, width), np.float32)
    g_own = np.empty((tokens, width), np.float32)
    gh, gh_total = np.empty((tokens, wide), np.float32), np.empty((tokens, wide), np.float32)
    sums, back_sums = np.empty((cells.ends[-1], width), np.float32), np.empty((cells.ends[-1], width), np.float32)
    sent, more = np.empty((cells.ends[-1], wide), np.float32), np.empty((cells.ends[-1], wide), np.float32)
    scale = np.float32(keep)
    for b in range(batch):
        here = placed(cells, neighbours, b)
        g[:] = 0.0
        g_total[:] = 0.0
        gh_total[:] = 0.0
        for step in range(steps - 1, -1, -1):
            z, h, norm = latents[step, b], hidden[step, b], norms[step, b]
            add_projected(grad_latents[step, b], z, norm, radius, g)
            g_total += g
            add_outer(g, h, grads.out)
            np.dot(g, weights.out, gh)
            if len(weights.back):
                send(g, weights.back, transposed(here), n_symbols, 0, sums, sent, gh)
                gather(h, here.members, n_symbols, more)
                add_outers(sums, more, cells.ends, grads.back)
            mask(gh, h)
            gh_total += gh
            if step == 0 and not len(start):
                break
            before = latents[step - 1, b] if step else start[b]
            add_outer(gh, before, grads.own)
            np.dot(gh, weights.own, g_own)
            g *= scale
            g += g_own
            gather(before, here.members, n_symbols, back_sums)
            raise_peaks(before, here.members, n_symbols, peaks, back_sums)
            send_back(gh, before, back_sums, weights.maps, here, n_symbols, peaks, sent, sums, g)
            add_outers(sent, back_sums, cells.ends, grads.maps)
        for t in range(tokens):
            grads.shift[b, types[b, t]] += g_total[t]
            grads.table[b, types[b, t]] += gh_total[t]
