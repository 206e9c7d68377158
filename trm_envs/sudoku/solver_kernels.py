"""Jitted kernels of the solver and the generator: singles, and search on the blank cell with the fewest candidates.

Digit d is bit d-1 of a candidate mask. `used` holds, for each unit of `geometry.units`, the digits placed in it.

numba's cache looks at the file of a kernel, not at the kernels it calls: after an edit here, delete `__pycache__`.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from trm_envs.jit import kernel
from trm_envs.splitmix import below
from trm_envs.sudoku.geometry import Grids, Indices, cell_units, units

CONTRADICTION = -2
SOLVED = -1

Masks = npt.NDArray[np.int32]
# The search stack, one row a depth: grids (D, N*N), used (D, 3*N), branch cell (D,), digits still to try (D,).
Frames: TypeAlias = tuple[Grids, Masks, Indices, Masks]
# `units(size)` and `cell_units(size)`, the two tables that every kernel needs.
Geometry: TypeAlias = tuple[Indices, Indices]


def geometry_of(size: int) -> Geometry:
    """Return the pair of tables (`units(size)`, `cell_units(size)`) that the kernels take."""
    return units(size), cell_units(size)


@kernel()
def bit_count(mask: int) -> int:
    """Return the number of set bits of a 32-bit mask."""
    mask = mask - ((mask >> 1) & 0x55555555)
    mask = (mask & 0x33333333) + ((mask >> 2) & 0x33333333)
    mask = (mask + (mask >> 4)) & 0x0F0F0F0F
    mask = mask + (mask >> 8)
    return (mask + (mask >> 16)) & 0x3F


@kernel()
def candidates(used: Masks, cell: int, geometry: Geometry) -> int:
    """Return the mask of the digits that no unit of `cell` holds."""
    of_cell = geometry[1][cell]
    full = (1 << geometry[0].shape[1]) - 1
    return int(full & ~(used[of_cell[0]] | used[of_cell[1]] | used[of_cell[2]]))


@kernel()
def place(grid: Grids, used: Masks, cell: int, bit: int, geometry: Geometry) -> None:
    """Write the digit of mask `bit` into a blank cell of `grid` (N*N,) and enter it in `used` (3*N,)."""
    digit = 1
    while bit >> digit:
        digit += 1
    grid[cell] = digit
    for unit in geometry[1][cell]:
        used[unit] |= bit


@kernel()
def load_grid(source: Grids, grid: Grids, used: Masks, geometry: Geometry) -> bool:
    """Copy `source` (N*N,) into `grid` and set `used` (3*N,); return False if a digit repeats in a unit."""
    used[:] = 0
    grid[:] = source
    for cell in range(len(source)):
        if source[cell] != 0:
            bit = 1 << (source[cell] - 1)
            if candidates(used, cell, geometry) & bit == 0:
                return False
            for unit in geometry[1][cell]:
                used[unit] |= bit
    return True


@kernel()
def _naked_singles(grid: Grids, used: Masks, geometry: Geometry) -> tuple[int, int]:
    """One pass. Returns (digits placed or CONTRADICTION, blank cell with the fewest candidates or SOLVED)."""
    placed, branch, fewest = 0, SOLVED, 99
    for cell in range(len(grid)):
        if grid[cell] != 0:
            continue
        mask = candidates(used, cell, geometry)
        count = bit_count(mask)
        if count == 0:
            return CONTRADICTION, cell
        if count == 1:
            place(grid, used, cell, mask, geometry)
            placed += 1
        elif count < fewest:
            branch, fewest = cell, count
    return placed, branch


@kernel()
def _place_in_unit(grid: Grids, used: Masks, unit: int, bit: int, geometry: Geometry) -> bool:
    for cell in geometry[0][unit]:
        if grid[cell] == 0 and candidates(used, cell, geometry) & bit:
            place(grid, used, cell, bit, geometry)
            return True
    return False


@kernel()
def _hidden_singles(grid: Grids, used: Masks, geometry: Geometry) -> int:
    """One pass over all units. Returns the digits placed, or CONTRADICTION if a digit has no place in a unit."""
    full = (1 << geometry[0].shape[1]) - 1
    placed = 0
    for unit in range(geometry[0].shape[0]):
        once, twice = 0, 0
        for cell in geometry[0][unit]:
            if grid[cell] == 0:
                mask = candidates(used, cell, geometry)
                twice |= once & mask
                once |= mask
        if once | used[unit] != full:
            return CONTRADICTION
        single = once & ~twice
        while single:
            bit = single & -single
            single ^= bit
            if not _place_in_unit(grid, used, unit, bit, geometry):
                return CONTRADICTION
            placed += 1
    return placed


@kernel()
def propagate(grid: Grids, used: Masks, geometry: Geometry) -> int:
    """Place naked and hidden singles in place until there are none.

    Returns SOLVED, CONTRADICTION, or the blank cell with the fewest candidates.
    """
    while True:
        placed, branch = _naked_singles(grid, used, geometry)
        if placed == 0:
            if branch == SOLVED:
                return SOLVED
            placed = _hidden_singles(grid, used, geometry)
            if placed == 0:
                return branch
        if placed == CONTRADICTION:
            return CONTRADICTION


@kernel()
def make_frames(geometry: Geometry) -> Frames:
    """Return an empty search stack, deep enough for every cell to be a branch."""
    cells, depth = len(geometry[1]), len(geometry[1]) + 2
    grids = np.zeros((depth, cells), dtype=np.int8)
    used = np.zeros((depth, geometry[0].shape[0]), dtype=np.int32)
    return grids, used, np.zeros(depth, dtype=np.int64), np.zeros(depth, dtype=np.int32)


@kernel()
def take_random_bit(mask: int, stream: npt.NDArray[np.uint64]) -> int:
    """Return one set bit of a mask, each with the same probability; advances `stream`."""
    for _ in range(below(stream, bit_count(mask))):
        mask &= mask - 1
    return mask & -mask


@kernel()
def search(
    frames: Frames, geometry: Geometry, limit: int, max_nodes: int, stream: npt.NDArray[np.uint64], solution: Grids
) -> int:
    """Count the completions of frame 0 (its branch cell and digits to try are set) up to `limit`, depth first.

    Digits are tried in random order. `solution` (N*N,) receives the last completion. Returns -1 after `max_nodes`
    placements without an answer.
    """
    grids, used, branch, todo = frames
    depth, found = 0, 0
    for _ in range(max_nodes):
        while todo[depth] == 0:
            depth -= 1
            if depth < 0:
                return found
        bit = take_random_bit(todo[depth], stream)
        todo[depth] ^= bit
        grids[depth + 1] = grids[depth]
        used[depth + 1] = used[depth]
        place(grids[depth + 1], used[depth + 1], branch[depth], bit, geometry)
        cell = propagate(grids[depth + 1], used[depth + 1], geometry)
        if cell == SOLVED:
            solution[:] = grids[depth + 1]
            found += 1
            if found == limit:
                return found
        elif cell != CONTRADICTION:
            depth += 1
            branch[depth] = cell
            todo[depth] = candidates(used[depth], cell, geometry)
    return -1


@kernel()
def complete(
    puzzle: Grids,
    frames: Frames,
    geometry: Geometry,
    limit: int,
    max_nodes: int,
    stream: npt.NDArray[np.uint64],
    solution: Grids,
) -> int:
    """Count the completions of one puzzle (N*N,); arguments and result as in `search`."""
    grids, used, branch, todo = frames
    if not load_grid(puzzle, grids[0], used[0], geometry):
        return 0
    cell = propagate(grids[0], used[0], geometry)
    if cell == CONTRADICTION:
        return 0
    if cell == SOLVED:
        solution[:] = grids[0]
        return 1
    branch[0] = cell
    todo[0] = candidates(used[0], cell, geometry)
    return search(frames, geometry, limit, max_nodes, stream, solution)
