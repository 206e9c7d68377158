"""Random Sudoku grids and puzzles with exactly one solution, made by digging holes into a random grid."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trm_envs.jit import kernel
from trm_envs.splitmix import below, shuffle
from trm_envs.sudoku.geometry import Grids, Indices, check_grids, check_size
from trm_envs.sudoku.solver_kernels import (
    Frames,
    Geometry,
    candidates,
    complete,
    geometry_of,
    load_grid,
    make_frames,
    search,
)

# A fill that goes wrong early is abandoned: above 9x9 the tail of the search time is heavy and a restart is cheap.
_MAX_FILL_NODES = 2_000
# Grids dug for one puzzle before its blank count is declared out of reach.
_MAX_ATTEMPTS = 5_000
_UNLIMITED = 1 << 62

Stream = npt.NDArray[np.uint64]


@kernel()
def _fill(grid: Grids, frames: Frames, geometry: Geometry, stream: Stream) -> None:
    empty = np.zeros_like(grid)
    while complete(empty, frames, geometry, 1, _MAX_FILL_NODES, stream, grid) != 1:
        pass


@kernel()
def _is_needed(puzzle: Grids, cell: int, frames: Frames, geometry: Geometry, stream: Stream) -> bool:
    """Whether a uniquely solvable puzzle gets a second solution without its given at `cell`."""
    digit = puzzle[cell]
    puzzle[cell] = 0
    load_grid(puzzle, frames[0][0], frames[1][0], geometry)
    puzzle[cell] = digit
    frames[2][0] = cell
    frames[3][0] = candidates(frames[1][0], cell, geometry) & ~(1 << (digit - 1))
    return search(frames, geometry, 1, _UNLIMITED, stream, frames[0][-1]) > 0


@kernel()
def dig(puzzle: Grids, blanks: int, frames: Frames, geometry: Geometry, stream: Stream) -> int:
    """Blank up to `blanks` givens of a puzzle (N*N,) in random order, keeping its one solution; return how many.

    One pass is exhaustive: a given that is needed now stays needed with fewer givens around it.
    """
    order = np.arange(len(puzzle))
    shuffle(stream, order)
    dug = 0
    for position in range(len(order)):
        cell = int(order[position])
        if dug == blanks:
            break
        if puzzle[cell] != 0 and not _is_needed(puzzle, cell, frames, geometry, stream):
            puzzle[cell] = 0
            dug += 1
    return dug


@kernel()
def _fill_all(grids: Grids, seeds: Stream, geometry: Geometry) -> None:
    frames = make_frames(geometry)
    for index in range(len(grids)):
        _fill(grids[index], frames, geometry, seeds[index : index + 1])


@kernel()
def _generate_all(puzzles: Grids, seeds: Stream, least: int, most: int, minimal: bool, geometry: Geometry) -> int:
    """Fill `puzzles`; return the number made, less than len(puzzles) if one was out of reach."""
    frames = make_frames(geometry)
    for index in range(len(puzzles)):
        stream = seeds[index : index + 1]
        target = len(puzzles[index]) if minimal else least + below(stream, most - least + 1)
        for _ in range(_MAX_ATTEMPTS):
            _fill(puzzles[index], frames, geometry, stream)
            dug = dig(puzzles[index], target, frames, geometry, stream)
            if dug == target or (minimal and least <= dug <= most):
                break
        else:
            return index
    return len(puzzles)


@kernel()
def _minimal_all(puzzles: Grids, geometry: Geometry) -> npt.NDArray[np.bool_]:
    minimal = np.ones(len(puzzles), dtype=np.bool_)
    frames = make_frames(geometry)
    stream = np.zeros(1, dtype=np.uint64)
    for index in range(len(puzzles)):
        for cell in range(len(puzzles[index])):
            if puzzles[index, cell] != 0 and not _is_needed(puzzles[index], cell, frames, geometry, stream):
                minimal[index] = False
                break
    return minimal


def draw_seeds(count: int, rng: np.random.Generator) -> Stream:
    """Return the seeds of `count` independent streams, uint64 (count,); raise ValueError for a negative count."""
    if count < 0:
        raise ValueError(f"count must be at least 0, got {count}")
    return rng.integers(2**64, size=count, dtype=np.uint64)


def _check_blanks(blanks: tuple[int, int], size: int) -> tuple[int, int]:
    least, most = blanks
    if not 1 <= least <= most <= size * size:
        raise ValueError(f"blanks must be (lo, hi) with 1 <= lo <= hi <= {size * size}, got {blanks!r}")
    return least, most


def _make(size: int, blanks: tuple[int, int], minimal: bool, count: int, rng: np.random.Generator) -> Grids:
    least, most = _check_blanks(blanks, check_size(size))
    seeds = draw_seeds(count, rng)
    puzzles = np.zeros((count, size * size), dtype=np.int8)
    made = _generate_all(puzzles, seeds, least, most, minimal, geometry_of(size))
    if made < count:
        raise RuntimeError(
            f"no unique {size}x{size} puzzle with the wanted blanks found in {_MAX_ATTEMPTS} grids; "
            f"ask for fewer blanks than {blanks!r}"
        )
    return puzzles


def random_solutions(size: int, count: int, rng: np.random.Generator) -> Grids:
    """Return `count` random solved grids, int8 (count, N*N), by randomised search (not exactly uniform).

    Raises:
        ValueError: if size is not 4, 9, 16 or 25 or count is negative.
    """
    geometry, seeds = geometry_of(size), draw_seeds(count, rng)
    grids = np.zeros((count, size * size), dtype=np.int8)
    _fill_all(grids, seeds, geometry)
    return grids


def generate(size: int, blanks: tuple[int, int], count: int, rng: np.random.Generator) -> Grids:
    """Return `count` random puzzles with exactly one solution, int8 (count, N*N).

    Args:
        size: N, one of 4, 9, 16, 25.
        blanks: (lo, hi), inclusive; each puzzle's number of blanks is drawn uniformly from it.
        count: number of puzzles.
        rng: source of one seed a puzzle; the same generator state gives the same puzzles.

    Raises:
        ValueError: for a bad size, count or range.
        RuntimeError: if a drawn number of blanks cannot be reached (4x4: above 12; 9x9: rarely above 59).
    """
    return _make(size, blanks, False, count, rng)


def generate_minimal(size: int, count: int, rng: np.random.Generator, blanks: tuple[int, int] | None = None) -> Grids:
    """Return `count` random minimal puzzles, int8 (count, N*N): without any one given there is a second solution.

    Args:
        size: N, 4 or 9 (testing every given of a larger puzzle is out of reach).
        count: number of puzzles.
        rng: source of one seed a puzzle.
        blanks: accepted numbers of blanks (lo, hi), inclusive. None: 11-12 for 4x4, any number for 9x9.

    Raises:
        ValueError: for a bad size, count or range.
        RuntimeError: if no minimal puzzle in the range is found.
    """
    if size not in (4, 9):
        raise ValueError(f"minimal puzzles exist for the sizes 4 and 9, got {size!r}")
    return _make(size, blanks or ((11, 12) if size == 4 else (1, 81)), True, count, rng)


def is_minimal(puzzles: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Whether no given can be removed, bool (B,), for puzzles (B, N*N) that have exactly one solution.

    Raises:
        ValueError: for a wrong shape, type or value.
    """
    grids, size = check_grids(puzzles)
    return _minimal_all(grids.copy(), geometry_of(size))


def count_blanks(puzzles: npt.ArrayLike) -> Indices:
    """Return the number of blank cells of each grid of an integer array (B, N*N), int64 (B,).

    Raises:
        ValueError: for a wrong shape, type or value.
    """
    grids, _ = check_grids(puzzles)
    blanks: Indices = (grids == 0).sum(axis=1, dtype=np.int64)
    return blanks
