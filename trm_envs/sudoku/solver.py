"""Exact Sudoku solver: naked and hidden singles, then branching on the blank cell with the fewest candidates."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trm_envs.jit import kernel
from trm_envs.sudoku.geometry import Grids, Indices, check_grids
from trm_envs.sudoku.solver_kernels import Geometry, complete, geometry_of, load_grid, make_frames, propagate

MOST_PLACEMENTS = 1 << 24
"""Placements after which `is_unsolvable` gives up on a puzzle; shipped ones take a few hundred at most."""


@kernel()
def _complete_all(puzzles: Grids, limit: int, max_nodes: int, geometry: Geometry, solutions: Grids) -> Indices:
    counts = np.zeros(len(puzzles), dtype=np.int64)
    frames = make_frames(geometry)
    stream = np.zeros(1, dtype=np.uint64)
    for index in range(len(puzzles)):
        counts[index] = complete(puzzles[index], frames, geometry, limit, max_nodes, stream, solutions[index])
    return counts


@kernel()
def _propagate_all(puzzles: Grids, geometry: Geometry) -> Grids:
    grids = np.empty_like(puzzles)
    used = np.zeros(geometry[0].shape[0], dtype=np.int32)
    for index in range(len(puzzles)):
        if load_grid(puzzles[index], grids[index], used, geometry):
            propagate(grids[index], used, geometry)
    return grids


def count_solutions(puzzles: npt.ArrayLike, limit: int = 2) -> Indices:
    """Count the solutions of each puzzle, up to `limit`.

    Args:
        puzzles: integer array (B, N*N), 0 = blank. Contradictory givens count as no solution.
        limit: where to stop counting, at least 1; 2 is enough to test uniqueness.

    Returns:
        int64 array (B,) of min(number of solutions, limit).

    Raises:
        ValueError: for a wrong shape, type or value, or a limit below 1.
    """
    grids, size = check_grids(puzzles)
    if limit < 1:
        raise ValueError(f"limit must be at least 1, got {limit}")
    return _complete_all(grids, limit, 1 << 62, geometry_of(size), np.zeros_like(grids))


def solve(puzzles: npt.ArrayLike) -> tuple[Grids, npt.NDArray[np.bool_]]:
    """Solve each puzzle of an integer array (B, N*N).

    Returns:
        A solution of each puzzle, int8 (B, N*N) (all 0 where there is none), and whether there is one, bool (B,).

    Raises:
        ValueError: for a wrong shape, type or value.
    """
    grids, size = check_grids(puzzles)
    solutions = np.zeros_like(grids)
    counts = _complete_all(grids, 1, 1 << 62, geometry_of(size), solutions)
    return solutions, counts == 1


def is_unsolvable(puzzles: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Whether each puzzle of an integer array (B, N*N) is proved to have no solution, bool (B,).

    Contradictory givens count. A proof that takes more than `MOST_PLACEMENTS` placements is not looked for further, so
    that False promises nothing.

    Raises:
        ValueError: for a wrong shape, type or value.
    """
    grids, size = check_grids(puzzles)
    unsolvable: npt.NDArray[np.bool_] = (
        _complete_all(grids, 1, MOST_PLACEMENTS, geometry_of(size), np.empty_like(grids)) == 0
    )
    return unsolvable


def singles(puzzles: npt.ArrayLike) -> Grids:
    """Fill what naked and hidden singles alone can fill, int8 (B, N*N); contradictory puzzles stop where they break.

    Raises:
        ValueError: for a wrong shape, type or value.
    """
    grids, size = check_grids(puzzles)
    return _propagate_all(grids, geometry_of(size))


def beyond_singles(puzzles: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Whether naked and hidden singles leave a blank, bool (B,), for puzzles (B, N*N).

    Raises:
        ValueError: for a wrong shape, type or value.
    """
    blank: npt.NDArray[np.bool_] = (singles(puzzles) == 0).any(axis=1)
    return blank
