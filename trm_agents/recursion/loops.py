"""Compiled loops over one state: sums over groups of cells, their maps, the projection.

Shapes: T = n_cells * n_symbols tokens, M sums, kind after kind and last those of the cells, K and J channels. Products
of matrices are those of BLAS.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

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
def map_sums(sums: Floats, maps: Floats, ends: Indices, out: Floats) -> None:
    """Map each kind's sums by the map of that kind: sums (M, K), maps (kinds, K, J), out (M, J)."""
    start = 0
    for i in range(len(maps)):
        np.dot(sums[start : ends[i]], maps[i], out[start : ends[i]])
        start = ends[i]


@njit(cache=True, fastmath=True, error_model="numpy")
def add_outer(y: Floats, x: Floats, out: Floats) -> None:
    """Add the sum over tokens of y x^T to out; y (T, J), x (T, K), out (J, K)."""
    out += np.dot(y.T, x)


@njit(cache=True, fastmath=True, error_model="numpy")
def add_outers(y: Floats, x: Floats, ends: Indices, out: Floats) -> None:
    """Add the sums over each kind's rows of y x^T to that kind's block of out; (M, J), (M, K), (kinds, J, K)."""
    start = 0
    for i in range(len(out)):
        add_outer(y[start : ends[i]], x[start : ends[i]], out[i])
        start = ends[i]


@njit(cache=True, fastmath=True, error_model="numpy")
def send(x: Floats, maps: Floats, cells: Layout, n_symbols: int, sums: Floats, told: Floats, out: Floats) -> None:
    """Add to each token of out (T, J) the mapped sums of x (T, K) over its groups and its cell.

    maps are (kinds, K, J), the cell sums' last; sums (M, K) and told (M, J) are scratch, and afterwards hold the sums
    and the mapped sums.
    """
    gather(x, cells.members, n_symbols, sums)
    map_sums(sums, maps, cells.ends, told)
    scatter(told, cells.groups_of, n_symbols, out)


@njit(cache=True, fastmath=True, error_model="numpy")
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


@njit(cache=True, fastmath=True, error_model="numpy")
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


@njit(cache=True, fastmath=True, error_model="numpy")
def add_categories(table: Floats, types: NDArray[np.int16], out: Floats) -> None:
    """Add to each token of out (T, K) what its category holds, table (n_types, K)."""
    for t in range(len(types)):
        row, into = table[types[t]], out[t]
        for k in range(len(into)):
            into[k] += row[k]


@njit(cache=True, fastmath=True, error_model="numpy")
def rectify(h: Floats) -> None:
    """Set negative entries to zero, without a comparison, which would not be vectorised."""
    entries = h.ravel()
    for i in range(len(entries)):
        entries[i] = HALF * (entries[i] + abs(entries[i]))


@njit(cache=True, fastmath=True, error_model="numpy")
def mask(grad: Floats, h: Floats) -> None:
    """Drop the gradient where h, which has been rectified, is not positive."""
    entries, active = grad.ravel(), h.ravel()
    for i in range(len(entries)):
        # Read first: a conditional read would not be vectorised.
        kept = entries[i]
        entries[i] = kept if active[i] > ZERO else ZERO
