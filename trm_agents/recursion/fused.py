"""The exact-cover recursion as compiled loops: forward and backward of all inner steps, one state after another.

The same arithmetic in PyTorch streams arrays of a hundred kilobytes a state through memory a dozen times an inner
step; here a state stays in the cache for its whole unroll. `ExactCoverCore.step` is the readable form of it, and tests
hold the two against each other.

Shapes: T = n_cells * n_symbols tokens, d latent and H hidden channels, G groups of cells listed kind after kind.
Latents are channel-major (d, T), so that products run over tokens; sums over groups run over token-major copies.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

BLOCK = 4
"""Rows and columns of a tile that a product keeps in registers: d and H must be multiples of it."""


ZERO, HALF = np.float32(0.0), np.float32(0.5)


class Layout(NamedTuple):
    """How cells are grouped; the same for every state."""

    members: Indices
    """Cells of each group, kind after kind, padded with -1, shape (G, largest group)."""
    groups_of: Indices
    """Groups of each cell, padded with -1, shape (n_cells, most groups of a cell)."""
    ends: Indices
    """Where each kind's sums (one a group and symbol) end, and last the cell sums; shape (n_kinds + 1,)."""


def layout(groups: Mapping[str, Indices], n_cells: int, n_symbols: int) -> Layout:
    """The layout of `PlanTask.groups`."""
    largest = max(kind.shape[1] for kind in groups.values())
    members = np.concatenate(
        [np.pad(kind, ((0, 0), (0, largest - kind.shape[1])), constant_values=-1) for kind in groups.values()]
    ).astype(np.int64)
    holding = [np.flatnonzero((members == cell).any(1)) for cell in range(n_cells)]
    groups_of = np.full((n_cells, max(map(len, holding))), -1, np.int64)
    for cell, of_cell in enumerate(holding):
        groups_of[cell, : len(of_cell)] = of_cell
    counts = [len(kind) * n_symbols for kind in groups.values()]
    return Layout(members, groups_of, np.cumsum([*counts, n_cells]))


@njit(cache=True, fastmath=True, error_model="numpy")
def _add_product(weight: Floats, x: Floats, out: Floats, start: int, end: int) -> None:
    """Add weight @ x to out, in columns start to end; (J, K), (K, T), (J, T)."""
    for j in range(0, weight.shape[0], BLOCK):
        o0, o1, o2, o3 = out[j][start:end], out[j + 1][start:end], out[j + 2][start:end], out[j + 3][start:end]
        for k in range(0, weight.shape[1], BLOCK):
            x0, x1, x2, x3 = x[k][start:end], x[k + 1][start:end], x[k + 2][start:end], x[k + 3][start:end]
            a0, a1, a2, a3 = weight[j, k], weight[j, k + 1], weight[j, k + 2], weight[j, k + 3]
            b0, b1, b2, b3 = weight[j + 1, k], weight[j + 1, k + 1], weight[j + 1, k + 2], weight[j + 1, k + 3]
            c0, c1, c2, c3 = weight[j + 2, k], weight[j + 2, k + 1], weight[j + 2, k + 2], weight[j + 2, k + 3]
            d0, d1, d2, d3 = weight[j + 3, k], weight[j + 3, k + 1], weight[j + 3, k + 2], weight[j + 3, k + 3]
            for t in range(len(o0)):
                v0, v1, v2, v3 = x0[t], x1[t], x2[t], x3[t]
                o0[t] += a0 * v0 + a1 * v1 + a2 * v2 + a3 * v3
                o1[t] += b0 * v0 + b1 * v1 + b2 * v2 + b3 * v3
                o2[t] += c0 * v0 + c1 * v1 + c2 * v2 + c3 * v3
                o3[t] += d0 * v0 + d1 * v1 + d2 * v2 + d3 * v3


@njit(cache=True, fastmath=True, error_model="numpy")
def _add_outer(y: Floats, x: Floats, out: Floats, start: int, end: int) -> None:
    """Add y @ x.T, taken over columns start to end, to out; (J, T), (K, T), (J, K)."""
    for j in range(0, y.shape[0], 2):
        y0, y1 = y[j][start:end], y[j + 1][start:end]
        for k in range(0, x.shape[0], BLOCK):
            x0, x1, x2, x3 = x[k][start:end], x[k + 1][start:end], x[k + 2][start:end], x[k + 3][start:end]
            s0, s1, s2, s3, r0, r1, r2, r3 = ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO
            for t in range(len(y0)):
                v, w = y0[t], y1[t]
                s0 += v * x0[t]
                s1 += v * x1[t]
                s2 += v * x2[t]
                s3 += v * x3[t]
                r0 += w * x0[t]
                r1 += w * x1[t]
                r2 += w * x2[t]
                r3 += w * x3[t]
            out[j, k] += s0
            out[j, k + 1] += s1
            out[j, k + 2] += s2
            out[j, k + 3] += s3
            out[j + 1, k] += r0
            out[j + 1, k + 1] += r1
            out[j + 1, k + 2] += r2
            out[j + 1, k + 3] += r3


@njit(cache=True, fastmath=True, error_model="numpy")
def _transpose(x: Floats, out: Floats) -> None:
    """Out = x.T. The inner loop is the short one: its strided side then stays in the cache."""
    if x.shape[0] < x.shape[1]:
        for j in range(x.shape[1]):
            row = out[j]
            for i in range(len(row)):
                row[i] = x[i, j]
    else:
        for i in range(x.shape[0]):
            row = x[i]
            for j in range(len(row)):
                out[j, i] = row[j]


@njit(cache=True, fastmath=True, error_model="numpy")
def _gather(x: Floats, members: Indices, n_symbols: int, sums: Floats) -> None:
    """Sum tokens over the cells of each group, symbol by symbol, then over the symbols of each cell.

    Token-major: x (T, K), sums (G * n_symbols + n_cells, K), groups first.
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
    for c in range(n_cells):
        total = sums[n_groups * n_symbols + c]
        total[:] = 0.0
        for s in range(n_symbols):
            row = x[c * n_symbols + s]
            for k in range(width):
                total[k] += row[k]


@njit(cache=True, fastmath=True, error_model="numpy")
def _scatter(sums: Floats, groups_of: Indices, n_symbols: int, out: Floats) -> None:
    """Add to each token what its cell and the groups of its cell hold: the transpose of `_gather`."""
    n_cells, width = len(groups_of), out.shape[1]
    n_groups = (len(sums) - n_cells) // n_symbols
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
        own = sums[n_groups * n_symbols + c]
        for s in range(n_symbols):
            token = out[c * n_symbols + s]
            for k in range(width):
                token[k] += own[k]


@njit(cache=True, fastmath=True, error_model="numpy")
def _map_sums(maps: Floats, ends: Indices, sums: Floats, out: Floats) -> None:
    """Map each kind's sums by the map of that kind, channel-major: maps (kinds, J, K), (K, M) -> (J, M)."""
    out[:] = 0.0
    start = 0
    for i in range(len(maps)):
        _add_product(maps[i], sums, out, start, ends[i])
        start = ends[i]


@njit(cache=True, fastmath=True, error_model="numpy")
def _project(z: Floats, radius: float) -> float:
    """Scale z in place onto the ball and return its norm from before; an infinite radius leaves it alone."""
    squares = ZERO
    for k in range(len(z)):
        row = z[k]
        for t in range(len(row)):
            squares += row[t] * row[t]
    norm: float = np.sqrt(squares)
    if norm > radius:
        scale = np.float32(radius / norm)
        for k in range(len(z)):
            row = z[k]
            for t in range(len(row)):
                row[t] *= scale
    return norm


@njit(cache=True, fastmath=True, error_model="numpy")
def forward(
    types: NDArray[np.uint8],
    table: Floats,
    own: Floats,
    maps: Floats,
    out: Floats,
    bias: Floats,
    members: Indices,
    groups_of: Indices,
    ends: Indices,
    radius: float,
    steps: int,
    latents: Floats,
    hidden: Floats,
    norms: Floats,
) -> None:
    """Unroll from z_0 = 0.

    Args:
        types: category of each token, (B, T).
        table: injection of each category, (B, n_types, H).
        own: map of the token itself, (H, d).
        maps: maps of the group sums, a kind each, and last that of the cell sums, (n_kinds + 1, H, d).
        out: map of the hidden channels, (d, H).
        bias: of the update, (d,).
        members: cells of each group, padded with -1, (G, largest group).
        groups_of: groups of each cell, padded with -1, (n_cells, most groups of a cell).
        ends: where the sums of each kind end, the cell sums last, (n_kinds + 1,).
        radius: R.
        steps: n.
        latents: takes the last inner steps, (kept, B, d, T).
        hidden: takes the hidden channels for the backward pass, (n, B, H, T), or is scratch, (1, 1, H, T).
        norms: takes the norm of each latent before its projection, (n, B).
    """
    batch, tokens = types.shape
    wide, width = own.shape
    n_cells, n_sums = len(groups_of), ends[-1]
    n_symbols = tokens // n_cells
    z, z_tokens = np.empty((width, tokens), np.float32), np.empty((tokens, width), np.float32)
    injected, h_tokens = np.empty((tokens, wide), np.float32), np.empty((tokens, wide), np.float32)
    sums, sums_t = np.empty((n_sums, width), np.float32), np.empty((width, n_sums), np.float32)
    told, told_t = np.empty((n_sums, wide), np.float32), np.empty((wide, n_sums), np.float32)
    first_kept, saved = steps - len(latents), len(hidden) == steps
    for b in range(batch):
        z[:] = 0.0
        for t in range(tokens):
            injected[t] = table[b, types[b, t]]
        for step in range(steps):
            h = hidden[step, b] if saved else hidden[0, 0]
            if step == 0:
                _transpose(injected, h)
            else:
                _transpose(z, z_tokens)
                _gather(z_tokens, members, n_symbols, sums)
                _transpose(sums, sums_t)
                _map_sums(maps, ends, sums_t, told_t)
                _transpose(told_t, told)
                h_tokens[:] = injected
                _scatter(told, groups_of, n_symbols, h_tokens)
                _transpose(h_tokens, h)
                _add_product(own, z, h, 0, tokens)
            for j in range(wide):
                row = h[j]
                for t in range(tokens):
                    # A rectifier without a comparison, which would not be vectorised.
                    row[t] = HALF * (row[t] + abs(row[t]))
            for k in range(width):
                z[k] += bias[k]
            _add_product(out, h, z, 0, tokens)
            norms[step, b] = _project(z, radius)
            if step >= first_kept:
                latents[step - first_kept, b] = z


@njit(cache=True, fastmath=True, error_model="numpy")
def backward(
    types: NDArray[np.uint8],
    own: Floats,
    maps: Floats,
    out: Floats,
    members: Indices,
    groups_of: Indices,
    ends: Indices,
    radius: float,
    latents: Floats,
    hidden: Floats,
    norms: Floats,
    grad_latents: Floats,
    grad_table: Floats,
    grad_own: Floats,
    grad_maps: Floats,
    grad_out: Floats,
    grad_bias: Floats,
) -> None:
    """Add the gradients of everything to the last five arguments, from those of z_1 ... z_n, (n, B, d, T)."""
    steps, batch, width, tokens = latents.shape
    wide = len(own)
    n_cells, n_sums = len(groups_of), ends[-1]
    n_symbols = tokens // n_cells
    own_t, out_t = own.T.copy(), out.T.copy()
    maps_t = maps.transpose(0, 2, 1).copy()
    g, g_tokens = np.empty((width, tokens), np.float32), np.empty((tokens, width), np.float32)
    gh, gh_tokens = np.empty((wide, tokens), np.float32), np.empty((tokens, wide), np.float32)
    gh_total = np.empty((tokens, wide), np.float32)
    sums, sums_t = np.empty((n_sums, width), np.float32), np.empty((width, n_sums), np.float32)
    told, told_t = np.empty((n_sums, wide), np.float32), np.empty((wide, n_sums), np.float32)
    for b in range(batch):
        g[:] = 0.0
        gh_total[:] = 0.0
        for step in range(steps - 1, -1, -1):
            z, h, norm = latents[step, b], hidden[step, b], norms[step, b]
            _add_projected(grad_latents[step, b], z, norm, radius, g)
            for k in range(width):
                grad_bias[k] += g[k].sum()
            _add_outer(g, h, grad_out, 0, tokens)
            gh[:] = 0.0
            _add_product(out_t, g, gh, 0, tokens)
            for j in range(wide):
                row, active = gh[j], h[j]
                for t in range(tokens):
                    row[t] = row[t] if active[t] > ZERO else ZERO
            _transpose(gh, gh_tokens)
            gh_total += gh_tokens
            if step == 0:
                break
            before = latents[step - 1, b]
            _add_outer(gh, before, grad_own, 0, tokens)
            _add_product(own_t, gh, g, 0, tokens)
            _gather(gh_tokens, members, n_symbols, told)
            _transpose(told, told_t)
            _transpose(before, g_tokens)
            _gather(g_tokens, members, n_symbols, sums)
            _transpose(sums, sums_t)
            start = 0
            for i in range(len(maps)):
                _add_outer(told_t, sums_t, grad_maps[i], start, ends[i])
                start = ends[i]
            _map_sums(maps_t, ends, told_t, sums_t)
            _transpose(sums_t, sums)
            _transpose(g, g_tokens)
            _scatter(sums, groups_of, n_symbols, g_tokens)
            _transpose(g_tokens, g)
        for t in range(tokens):
            grad_table[b, types[b, t]] += gh_total[t]


@njit(cache=True, fastmath=True, error_model="numpy")
def _add_projected(grad: Floats, z: Floats, norm: float, radius: float, g: Floats) -> None:
    """G <- gradient with respect to the latent before the projection, where g + grad is that after it."""
    inner = ZERO
    for k in range(len(z)):
        into, more, row = g[k], grad[k], z[k]
        for t in range(len(row)):
            into[t] += more[t]
            inner += into[t] * row[t]
    if norm > radius:
        scale, shift = np.float32(radius / norm), np.float32(inner / (radius * radius))
        for k in range(len(z)):
            into, row = g[k], z[k]
            for t in range(len(row)):
                into[t] = scale * (into[t] - shift * row[t])
