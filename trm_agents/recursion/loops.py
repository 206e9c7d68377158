"""Compiled loops over one state: products, transposes, sums over groups of cells, the projection.

Shapes: T = n_cells * n_symbols tokens, G groups of cells listed kind after kind. Arrays are channel-major (K, T) where
products run over tokens and token-major (T, K) where sums over groups do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

BLOCK = 4
"""Rows and columns of a tile that a product keeps in registers: numbers of channels must be multiples of it."""

ZERO, HALF = np.float32(0.0), np.float32(0.5)


class Layout(NamedTuple):
    """How cells are grouped; the same for every state."""

    members: Indices
    """Cells that each sum adds up, kind after kind, padded with -1, shape (G, largest sum)."""
    groups_of: Indices
    """Sums that each cell hears, padded with -1, shape (n_cells, most sums of a cell)."""
    ends: Indices
    """Where each kind's sums (one a group and symbol) end, and last, with several symbols, the cell sums."""
    hearers: Indices
    """Cells that hear each sum, padded with -1; with groups of three or more these are its members."""
    parts_of: Indices
    """Sums that each cell is a part of, padded with -1; with groups of three or more these are those it hears."""


def layout(groups: Mapping[str, Indices], n_cells: int, n_symbols: int) -> Layout:
    """The layout of `PlanTask.groups`."""
    summed, heard = zip(*(sums_of(kind, n_cells) for kind in groups.values()), strict=True)
    members, hearers = _padded(row for kind in summed for row in kind), _padded(row for kind in heard for row in kind)
    counts = [len(kind) * n_symbols for kind in summed]
    ends = np.cumsum([*counts, n_cells] if n_symbols > 1 else counts)
    return Layout(members, _holding(hearers, n_cells), ends, hearers, _holding(members, n_cells))


def sums_of(kind: Indices, n_cells: int) -> tuple[Indices, Indices]:
    """Which cells each sum of a kind of groups adds up, and which cells hear it, a row a sum, -1 pads.

    A cell hears the sums over its groups, itself included, which its own map can take back as long as all cells are in
    equally many. Pairs are a graph, where they need not be: there a cell hears the sum over its neighbours.
    """
    if kind.shape[1] != 2:
        return kind, kind
    pairs = np.concatenate([kind, kind[:, ::-1]])
    return _padded(pairs[pairs[:, 0] == cell, 1] for cell in range(n_cells)), np.arange(n_cells)[:, None]


@njit(cache=True)
def transposed(cells: Layout) -> Layout:
    """Sums the other way: over the cells that hear, for those that are parts."""
    return Layout(cells.hearers, cells.parts_of, cells.ends, cells.members, cells.groups_of)


def _padded(rows: Iterable[Indices]) -> Indices:
    listed = list(rows)
    out = np.full((len(listed), max(1, *map(len, listed))), -1, np.int64)
    for row, values in zip(out, listed, strict=True):
        row[: len(values)] = values
    return out


def _holding(members: Indices, n_cells: int) -> Indices:
    """Rows that hold each cell."""
    return _padded(np.flatnonzero((members == cell).any(1)) for cell in range(n_cells))


@njit(cache=True, fastmath=True, error_model="numpy")
def add_product(weight: Floats, x: Floats, out: Floats, start: int, end: int) -> None:
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
def add_outer(y: Floats, x: Floats, out: Floats, start: int, end: int) -> None:
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
def transpose(x: Floats, out: Floats) -> None:
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
def gather(x: Floats, members: Indices, n_symbols: int, sums: Floats) -> None:
    """Sum tokens over the cells of each group, symbol by symbol, then over the symbols of each cell.

    Token-major: x (T, K), sums (G * n_symbols + n_cells, K), groups first; with one symbol there are no cell sums.
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


@njit(cache=True, fastmath=True, error_model="numpy")
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


@njit(cache=True, fastmath=True, error_model="numpy")
def map_sums(maps: Floats, ends: Indices, sums: Floats, out: Floats) -> None:
    """Map each kind's sums by the map of that kind, channel-major: maps (kinds, J, K), (K, M) -> (J, M)."""
    out[:] = 0.0
    start = 0
    for i in range(len(maps)):
        add_product(maps[i], sums, out, start, ends[i])
        start = ends[i]


@njit(cache=True, fastmath=True, error_model="numpy")
def project(z: Floats, radius: float) -> float:
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
def add_projected(grad: Floats, z: Floats, norm: float, radius: float, g: Floats) -> None:
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


@njit(cache=True, fastmath=True, error_model="numpy")
def send(
    x: Floats,
    maps: Floats,
    cells: Layout,
    n_symbols: int,
    sums: Floats,
    sums_t: Floats,
    told_t: Floats,
    told: Floats,
    out: Floats,
) -> None:
    """Add to each token of out (T, J) the mapped sums of x (T, K) over its groups and its cell.

    maps are (kinds, J, K), the cell sums' last; the four arrays between x and out are scratch, (M, K), (K, M), (J, M)
    and (M, J), and afterwards hold the sums and the mapped sums.
    """
    gather(x, cells.members, n_symbols, sums)
    transpose(sums, sums_t)
    map_sums(maps, cells.ends, sums_t, told_t)
    transpose(told_t, told)
    scatter(told, cells.groups_of, n_symbols, out)


@njit(cache=True, fastmath=True, error_model="numpy")
def add_outers(y: Floats, x: Floats, ends: Indices, out: Floats) -> None:
    """Add y @ x.T, over the columns of each kind, to that kind's block of out; (J, M), (K, M), (kinds, J, K)."""
    start = 0
    for i in range(len(out)):
        add_outer(y, x, out[i], start, ends[i])
        start = ends[i]


@njit(cache=True, fastmath=True, error_model="numpy")
def rectify(h: Floats) -> None:
    """Set negative entries to zero, without a comparison, which would not be vectorised."""
    for j in range(len(h)):
        row = h[j]
        for t in range(len(row)):
            row[t] = HALF * (row[t] + abs(row[t]))


@njit(cache=True, fastmath=True, error_model="numpy")
def mask(grad: Floats, h: Floats) -> None:
    """Drop the gradient where h, which has been rectified, is not positive."""
    for j in range(len(h)):
        row, active = grad[j], h[j]
        for t in range(len(row)):
            row[t] = row[t] if active[t] > ZERO else ZERO


@njit(cache=True, fastmath=True, error_model="numpy")
def scale_add(x: Floats, factor: float, more: Floats) -> None:
    """X <- factor x + more."""
    scale = np.float32(factor)
    for j in range(len(x)):
        row, other = x[j], more[j]
        for t in range(len(row)):
            row[t] = scale * row[t] + other[t]
