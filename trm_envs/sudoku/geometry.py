"""Where the rows, columns and boxes of an N x N Sudoku are, and the form every grid array has.

Grids are row-major int8 arrays of shape (B, N*N), N in {4, 9, 16, 25}, 0 = blank.
"""

from __future__ import annotations

from functools import cache
from math import isqrt

import numpy as np
import numpy.typing as npt

from trm_envs.instances.numbers import whole

SIZES = (4, 9, 16, 25)

Grids = npt.NDArray[np.int8]
Indices = npt.NDArray[np.int64]


def check_size(size: int) -> int:
    """Return `size` as an int; raise ValueError unless it is 4, 9, 16 or 25."""
    if whole("size", size, 1) not in SIZES:
        raise ValueError(f"Sudoku size must be one of {SIZES}, got {size!r}")
    return int(size)


@cache
def cell_units(size: int) -> Indices:
    """Return the read-only int64 array (N*N, 3): the row, column and box of each cell as indices into `units(size)`."""
    side = isqrt(check_size(size))
    row, column = np.divmod(np.arange(size * size), size)
    box = row // side * side + column // side
    table = np.stack([row, size + column, 2 * size + box], axis=1).astype(np.int64)
    table.setflags(write=False)
    return table


@cache
def units(size: int) -> Indices:
    """Return the read-only int64 array (3*N, N) of the cells of each unit: N rows, then N columns, then N boxes."""
    of_cell = cell_units(size)
    table = np.stack([np.flatnonzero((of_cell == unit).any(axis=1)) for unit in range(3 * size)]).astype(np.int64)
    table.setflags(write=False)
    return table


def check_grids(grids: npt.ArrayLike) -> tuple[Grids, int]:
    """Return `grids` as a contiguous int8 array (B, N*N) and its size N.

    Raises:
        ValueError: if the array is not two-dimensional with 16, 81, 256 or 625 columns, is not of an integer type,
            or holds a value outside 0..N.
    """
    array = np.asarray(grids)
    size = isqrt(array.shape[1]) if array.ndim == 2 else 0
    if size not in SIZES or size * size != array.shape[1]:
        raise ValueError(f"grids must have the shape (B, N*N) with N in {SIZES}, got {array.shape}")
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"grids must be of an integer type, got {array.dtype}")
    if array.size and (array.min() < 0 or array.max() > size):
        raise ValueError(f"grids of size {size} hold 0..{size}, got values in {array.min()}..{array.max()}")
    return np.ascontiguousarray(array, dtype=np.int8), size
