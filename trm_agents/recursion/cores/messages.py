"""What tokens send each other, as compiled loops: sums over groups and cells, and maxima in their place.

Shapes: T = n_cells * n_symbols tokens, M sums, kind after kind and last those of the cells, K channels. The last
`peaks` channels of a group's sum may be maxima over its members instead; those over a cell's symbols are sums always.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trm_agents.recursion.cores.layout import Indices, Layout
from trm_envs.jit import kernel

Floats = NDArray[np.float32]

ZERO, ONE = np.float32(0.0), np.float32(1.0)


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
def raise_peaks(x: Floats, members: Indices, n_symbols: int, peaks: int, sums: Floats) -> None:
    """Replace the last channels of each group's sums by maxima over its members; 0 where a group has none.

    x (T, K), sums (M, K).
    """
    width = x.shape[1]
    for g in range(len(members) if peaks else 0):
        if members[g, 0] < 0:
            continue
        for s in range(n_symbols):
            total = sums[g * n_symbols + s]
            total[width - peaks :] = x[members[g, 0] * n_symbols + s, width - peaks :]
            for i in range(1, members.shape[1]):
                if members[g, i] < 0:
                    break
                row = x[members[g, i] * n_symbols + s]
                for k in range(width - peaks, width):
                    total[k] = max(total[k], row[k])


@kernel(fastmath=True, error_model="numpy")
def route_peaks(
    x: Floats, tops: Floats, members: Indices, n_symbols: int, peaks: int, grads: Floats, out: Floats
) -> None:
    """Share the gradients of maxima among the members that have them, and set them to zero among those of sums.

    x (T, K) as `raise_peaks` took it, tops (M, K) as it left them, grads (M, K), out (T, K).
    """
    first = x.shape[1] - peaks
    shares = np.empty(peaks, np.float32)
    for g in range(len(members) if peaks else 0):
        for s in range(n_symbols):
            grad, top = grads[g * n_symbols + s, first:], tops[g * n_symbols + s, first:]
            shares[:] = ZERO
            for i in range(members.shape[1]):
                if members[g, i] < 0:
                    break
                row = x[members[g, i] * n_symbols + s, first:]
                for k in range(peaks):
                    shares[k] += ONE if row[k] == top[k] else ZERO
            for k in range(peaks):
                shares[k] = grad[k] / max(shares[k], ONE)
                grad[k] = ZERO
            for i in range(members.shape[1]):
                if members[g, i] < 0:
                    break
                token = members[g, i] * n_symbols + s
                row, into = x[token, first:], out[token, first:]
                for k in range(peaks):
                    into[k] += shares[k] if row[k] == top[k] else ZERO


@kernel(fastmath=True, error_model="numpy")
def send(
    x: Floats, maps: Floats, cells: Layout, n_symbols: int, peaks: int, sums: Floats, sent: Floats, out: Floats
) -> None:
    """Add to each token of out (T, J) the mapped sums of x (T, K) over its groups and its cell.

    maps are (kinds, K, J), the cell sums' last; sums (M, K) and sent (M, J) are scratch, and afterwards hold the sums
    and the mapped sums.
    """
    gather(x, cells.members, n_symbols, sums)
    raise_peaks(x, cells.members, n_symbols, peaks, sums)
    map_sums(sums, maps, cells.ends, sent)
    scatter(sent, cells.groups_of, n_symbols, out)


@kernel(fastmath=True, error_model="numpy")
def send_back(
    y: Floats,
    x: Floats,
    sums: Floats,
    maps: Floats,
    cells: Layout,
    n_symbols: int,
    peaks: int,
    sent: Floats,
    grads: Floats,
    out: Floats,
) -> None:
    """Add to each token of out (T, K) the gradient of what `send` has sent from x (T, K), where y (T, J) is of its out.

    sums (M, K) are those of x, maxima included; maps are (kinds, J, K); sent (M, J) and grads (M, K) are scratch, and
    sent afterwards holds the gradients of the mapped sums.
    """
    heard = transposed(cells)
    gather(y, heard.members, n_symbols, sent)
    map_sums(sent, maps, cells.ends, grads)
    route_peaks(x, sums, cells.members, n_symbols, peaks, grads, out)
    scatter(grads, heard.groups_of, n_symbols, out)
