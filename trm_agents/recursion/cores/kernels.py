"""The exact-cover recursion as compiled loops: forward and backward of all inner steps, one state after another.

In PyTorch the same arithmetic streams arrays through memory a dozen times an inner step; here a state stays in the
cache for its whole unroll. `ExactCoverCore.step` is the readable form, and tests compare the two. All kernels are in
this file: numba caches by file, and would not see a change in another.

A step is z' = Pi_R(keep z + B relu(A z + I) + J). A and B are maps of the token itself plus maps of the sums over its
groups and its cell; `back`, the latter part of B, may be empty. Shapes: T = n_cells * n_symbols tokens, M sums, kind
after kind and last those of the cells, d latent and H hidden channels. Products of matrices are those of BLAS.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trm_agents.recursion.cores.layout import Indices, Layout
from trm_envs.jit import kernel

Floats = NDArray[np.float32]

ZERO, HALF = np.float32(0.0), np.float32(0.5)


@kernel()
def placed(cells: Layout, neighbours: Indices, b: int) -> Layout:
    """The layout of one state: that of all, or, where states have graphs, one that ends in sums over its neighbours.

    neighbours (B, n_cells, most), or (0, 0, 0). Neighbours are mutual, so a cell is a part of the sums of its own.
    """
    if len(neighbours) == 0:
        return cells
    n_cells, most = neighbours.shape[1:]
    first = len(cells.members) - n_cells
    if first == 0:
        return Layout(neighbours[b], cells.groups_of, cells.ends, cells.hearers, neighbours[b])
    members = np.full((len(cells.members), max(most, cells.members.shape[1])), -1)
    members[:first, : cells.members.shape[1]] = cells.members[:first]
    members[first:, :most] = neighbours[b]
    parts_of = np.full((n_cells, cells.parts_of.shape[1] + most), -1)
    for c in range(n_cells):
        count = 0
        while count < cells.parts_of.shape[1] and cells.parts_of[c, count] >= 0:
            parts_of[c, count] = cells.parts_of[c, count]
            count += 1
        for i in range(most):
            if neighbours[b, c, i] >= 0:
                parts_of[c, count] = first + neighbours[b, c, i]
                count += 1
    return Layout(members, cells.groups_of, cells.ends, cells.hearers, parts_of)


@kernel()
def transposed(cells: Layout) -> Layout:
    """Sums the other way: over the cells that hear, for those that are parts."""
    return Layout(cells.hearers, cells.parts_of, cells.ends, cells.members, cells.groups_of)


@kernel(fastmath=True, error_model="numpy")
def gather(x: Floats, members: Indices, n_symbols: int, sums: Floats) -> None:
    """Sum tokens over the cells of each group, symbol by symbol, then over the symbols of each cell.

    x (T, K), sums (M, K), groups first; with one symbol there are no cell sums.
    """
    n_groups, width = len(members), x.shape[1]
    n_cells = len(x) // n_symbols
    cells = x.reshape(n_cells, n_symbols * width)
    groups = sums[: n_groups * n_symbols].reshape(n_groups, n_symbols * width)
    for g in range(n_groups):
        total = groups[g]
        total[:] = 0.0
        for i in range(members.shape[1]):
            if members[g, i] < 0:
                break
            row = cells[members[g, i]]
            for s in range(len(total)):
                total[s] += row[s]
    for c in range(n_cells if n_symbols > 1 else 0):
        total = sums[n_groups * n_symbols + c]
        total[:] = 0.0
        for s in range(n_symbols):
            row = x[c * n_symbols + s]
            for k in range(width):
                total[k] += row[k]


@kernel(fastmath=True, error_model="numpy")
def scatter(sums: Floats, groups_of: Indices, n_symbols: int, out: Floats) -> None:
    """Add to each token what its cell and the groups of its cell hold: the transpose of `gather`."""
    n_cells, width = len(groups_of), out.shape[1]
    n_groups = (len(sums) - n_cells) // n_symbols if n_symbols > 1 else len(sums)
    cells = out.reshape(n_cells, n_symbols * width)
    groups = sums[: n_groups * n_symbols].reshape(n_groups, n_symbols * width)
    for c in range(n_cells):
        into = cells[c]
        for i in range(groups_of.shape[1]):
            if groups_of[c, i] < 0:
                break
            row = groups[groups_of[c, i]]
            for s in range(len(into)):
                into[s] += row[s]
        if n_symbols > 1:
            own = sums[n_groups * n_symbols + c]
            for s in range(n_symbols):
                token = out[c * n_symbols + s]
                for k in range(width):
                    token[k] += own[k]


@kernel(fastmath=True, error_model="numpy")
def map_sums(sums: Floats, maps: Floats, ends: Indices, out: Floats) -> None:
    """Map each kind's sums by the map of that kind: sums (M, K), maps (kinds, K, J), out (M, J)."""
    start = 0
    for i in range(len(maps)):
        np.dot(sums[start : ends[i]], maps[i], out[start : ends[i]])
        start = ends[i]


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
def send(x: Floats, maps: Floats, cells: Layout, n_symbols: int, sums: Floats, sent: Floats, out: Floats) -> None:
    """Add to each token of out (T, J) the mapped sums of x (T, K) over its groups and its cell.

    maps are (kinds, K, J), the cell sums' last; sums (M, K) and sent (M, J) are scratch, and afterwards hold the sums
    and the mapped sums.
    """
    gather(x, cells.members, n_symbols, sums)
    map_sums(sums, maps, cells.ends, sent)
    scatter(sent, cells.groups_of, n_symbols, out)


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
                send(z, maps, here, n_symbols, sums, sent, h)
            add_categories(weights.table[b], types[b], h)
            rectify(h)
            np.dot(h, out, new)
            if len(back):
                send(h, back, here, n_symbols, sent, sums, new)
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
        heard = transposed(here)
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
                send(g, weights.back, heard, n_symbols, sums, sent, gh)
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
            send(gh, weights.maps, heard, n_symbols, sent, sums, g)
            gather(before, here.members, n_symbols, back_sums)
            add_outers(sent, back_sums, cells.ends, grads.maps)
        for t in range(tokens):
            grads.shift[b, types[b, t]] += g_total[t]
            grads.table[b, types[b, t]] += gh_total[t]
