"""The cells of a square grid: their neighbours, and the symmetries of the square."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from trm_envs.jit import kernel
from trm_envs.plan_edit.task import Grids


@kernel()
def neighbour(cell: int, direction: int, size: int) -> int:
    """The cell above, below, left or right (direction 0..3) of `cell`, or -1 outside the grid."""
    row, column = cell // size, cell % size
    if direction == 0:
        return cell - size if row > 0 else -1
    if direction == 1:
        return cell + size if row < size - 1 else -1
    if direction == 2:
        return cell - 1 if column > 0 else -1
    return cell + 1 if column < size - 1 else -1


def turns(size: int) -> NDArray[np.int64]:
    """The square's eight rotations and reflections: which cell's content each cell receives, shape (8, size * size)."""
    cells = np.arange(size * size, dtype=np.int64).reshape(size, size)
    return np.stack([np.rot90(form, k).ravel() for form in (cells, cells.T) for k in range(4)])


def least_keys(forms: Grids) -> list[int]:
    """A 64-bit hash of the least of each instance's symmetric forms: equal for instances that share one.

    Args:
        forms: all symmetric forms of each instance, shape (forms, B, n_cells).
    """
    least = (min(form.tobytes() for form in of_one) for of_one in forms.swapaxes(0, 1))
    return [int.from_bytes(hashlib.blake2b(form, digest_size=8).digest(), "big") for form in least]
