"""Jitted kernels of the symmetry module: canonical forms and the invariant hash."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trm_envs.jit import kernel
from trm_envs.splitmix import mix
from trm_envs.sudoku.geometry import Grids, Indices

Hashes = npt.NDArray[np.uint64]


@kernel()
def _relabel_if_less(grid: Grids, cells: Indices, best: Grids, labels: Grids) -> None:
    """Write the permuted grid, digits renamed in order of appearance, to `best` if it is lexicographically less."""
    labels[:] = 0
    following, less = 1, False
    for position in range(len(cells)):
        digit = grid[cells[position]]
        if digit != 0 and labels[digit] == 0:
            labels[digit] = following
            following += 1
        value = labels[digit]
        if not less and value > best[position]:
            return
        if not less and value < best[position]:
            # The cells before this one equal best's already: from here on it can be overwritten.
            less = True
        best[position] = value


@kernel()
def canonical_by_enumeration(grids: Grids, cell_orders: Indices) -> Grids:
    """Return the least copy of each grid (B, N*N) over all cell orders (S, N*N), digits named as they appear."""
    best = np.full_like(grids, 127)
    labels = np.zeros(17, dtype=np.int8)
    for index in range(len(grids)):
        for order in range(len(cell_orders)):
            _relabel_if_less(grids[index], cell_orders[order], best[index], labels)
    return best


@kernel()
def _second_row_may_win(where: Indices, columns: Indices, places: Indices, best: Grids) -> bool:
    """Whether the second row, once the first reads 1..9, is at most that of `best`.

    `where[c]` is the column of the first row that holds the digit which the second row has in column c.
    """
    for position in range(9):
        value = places[where[columns[position]]] + 1
        if value != best[9 + position]:
            return bool(value < best[9 + position])
    return True


@kernel()
def _assemble(square: Grids, first: int, second: int, columns: Indices, rank: Indices, out: Grids) -> None:
    """Write the least grid that has this first row, second row and column order.

    `rank[d]` is the new name of digit d. The first column holds distinct digits, so sorting by it is the only
    choice left: rows within the two other bands, then these bands.
    """
    band = first // 3
    rows = np.empty(9, dtype=np.int64)
    rows[0], rows[1], rows[2] = first, second, 9 * band + 3 - first - second
    place = 3
    for other in range(3):
        if other != band:
            keys = np.empty(3, dtype=np.int64)
            for line in range(3):
                keys[line] = rank[square[3 * other + line, columns[0]]] * 9 + 3 * other + line
            rows[place : place + 3] = np.sort(keys) % 9
            place += 3
    if rank[square[rows[6], columns[0]]] < rank[square[rows[3], columns[0]]]:
        rows[3:] = np.concatenate((rows[6:], rows[3:6]))
    for line in range(9):
        for position in range(9):
            out[9 * line + position] = rank[square[rows[line], columns[position]]]


@kernel()
def _less(left: Grids, right: Grids) -> bool:
    for position in range(len(left)):
        if left[position] != right[position]:
            return bool(left[position] < right[position])
    return False


@kernel()
def _canonical_upright(square: Grids, orders: Indices, places: Indices, best: Grids) -> None:
    """Lower `best` (81,) to the least form of a solved `square` (9, 9) that is reached without transposing."""
    candidate = np.empty(81, dtype=np.int8)
    column_of, rank, where = np.empty(10, np.int64), np.zeros(10, np.int64), np.empty(9, np.int64)
    for first in range(9):
        for column in range(9):
            column_of[square[first, column]] = column
        for second in range(first // 3 * 3, first // 3 * 3 + 3):
            if second == first:
                continue
            for column in range(9):
                where[column] = column_of[square[second, column]]
            for order in range(len(orders)):
                columns = orders[order]
                if not _second_row_may_win(where, columns, places[order], best):
                    continue
                for position in range(9):
                    rank[square[first, columns[position]]] = position + 1
                _assemble(square, first, second, columns, rank, candidate)
                if _less(candidate, best):
                    best[:] = candidate


@kernel()
def canonical_solved(grids: Grids, orders: Indices, places: Indices) -> Grids:
    """Return the least form of solved 9x9 grids (B, 81); `places` are the inverses of the column `orders` (O, 9)."""
    best = np.full_like(grids, 127)
    for index in range(len(grids)):
        square = grids[index].reshape(9, 9)
        _canonical_upright(square, orders, places, best[index])
        _canonical_upright(np.ascontiguousarray(square.T), orders, places, best[index])
    return best


@kernel()
def _cycle_type(first: Grids, second: Grids) -> np.uint64:
    """Hash the cycle lengths of the column permutation that carries one row to another; relabelling cancels."""
    size = len(first)
    column_of, seen = np.empty(size + 1, dtype=np.int64), np.zeros(size, dtype=np.bool_)
    for column in range(size):
        column_of[first[column]] = column
    total = np.uint64(0)
    for start in range(size):
        length, column = 0, start
        while not seen[column]:
            seen[column] = True
            column = column_of[second[column]]
            length += 1
        if length > 0:
            total += mix(np.uint64(length))
    return total


@kernel()
def _row_invariant(square: Grids, side: int) -> np.uint64:
    """Hash a solved square (N, N) so that no order of rows, bands or columns and no naming of digits matters.

    Sums of mixed words stand for multisets: of the row pairs at a row, of the rows in a band, of the bands.
    """
    total = np.uint64(0)
    for band in range(side):
        of_band = np.uint64(0)
        for first in range(band * side, band * side + side):
            of_row = np.uint64(0)
            for second in range(len(square)):
                if second != first:
                    near = np.uint64(second // side == band)
                    of_row += mix(_cycle_type(square[first], square[second]) + near)
            of_band += mix(of_row)
        total += mix(of_band)
    return mix(total)


@kernel()
def invariant_all(grids: Grids, side: int) -> Hashes:
    """Return the invariant hash of each solved grid (B, N*N), side = sqrt(N)."""
    hashes = np.empty(len(grids), dtype=np.uint64)
    for index in range(len(grids)):
        square = grids[index].reshape(side * side, side * side)
        transposed = np.ascontiguousarray(square.T)
        hashes[index] = mix(_row_invariant(square, side) + _row_invariant(transposed, side))
    return hashes
