"""Minimal puzzles beyond naked and hidden singles: a rating by guesses, and a hill-climb towards harder puzzles.

The solver only chooses among puzzles here; no solution leaves this module.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trm_envs.jit import kernel
from trm_envs.splitmix import below
from trm_envs.sudoku.generator import Stream, dig, draw_seeds, generate_minimal, is_minimal
from trm_envs.sudoku.geometry import Grids, check_grids
from trm_envs.sudoku.solver import beyond_singles, count_solutions, solve
from trm_envs.sudoku.solver_kernels import (
    CONTRADICTION,
    SOLVED,
    Frames,
    Geometry,
    bit_count,
    candidates,
    geometry_of,
    load_grid,
    make_frames,
    place,
    propagate,
    take_random_bit,
)

# At about 0.7 ms a step, 50 steps make the mean number of guesses about three times that of random puzzles.
_STEPS = 50
# Searches that rate one puzzle of a climb: fewer are too noisy to climb by, more take time from steps.
_RUNS = 8
# Digits added in a step, at most: with 6 the climb is faster than with 3, and much faster than with 1.
_MOST_ADDED = 6


@kernel()
def _branch(depth: int, frames: Frames, geometry: Geometry, stream: Stream) -> None:
    """Branch at `depth` on a random one of the blank cells with the fewest candidates."""
    grid, used = frames[0][depth], frames[1][depth]
    fewest, ties = 99, 0
    for cell in range(len(grid)):
        if grid[cell] != 0:
            continue
        count = bit_count(candidates(used, cell, geometry))
        if count < fewest:
            fewest, ties = count, 0
        if count == fewest:
            ties += 1
            if below(stream, ties) == 0:
                frames[2][depth] = cell
    frames[3][depth] = candidates(used, frames[2][depth], geometry)


@kernel()
def _count_guesses(puzzle: Grids, frames: Frames, geometry: Geometry, stream: Stream) -> int:
    """Digits tried by one depth-first search with singles, random cell among ties and random digit order."""
    grids, used, branch, todo = frames
    load_grid(puzzle, grids[0], used[0], geometry)
    outcome = propagate(grids[0], used[0], geometry)
    depth, guesses = -1, 0
    while outcome != SOLVED:
        if outcome != CONTRADICTION:
            depth += 1
            _branch(depth, frames, geometry, stream)
        while depth >= 0 and todo[depth] == 0:
            depth -= 1
        if depth < 0:
            break
        bit = take_random_bit(todo[depth], stream)
        todo[depth] ^= bit
        grids[depth + 1] = grids[depth]
        used[depth + 1] = used[depth]
        place(grids[depth + 1], used[depth + 1], branch[depth], bit, geometry)
        outcome = propagate(grids[depth + 1], used[depth + 1], geometry)
        guesses += 1
    return guesses


@kernel()
def _rate(puzzle: Grids, runs: int, frames: Frames, geometry: Geometry, stream: Stream) -> int:
    guesses = 0
    for _ in range(runs):
        guesses += _count_guesses(puzzle, frames, geometry, stream)
    return guesses


@kernel()
def _rate_all(puzzles: Grids, runs: int, seeds: Stream, geometry: Geometry) -> npt.NDArray[np.int64]:
    guesses = np.zeros(len(puzzles), dtype=np.int64)
    frames = make_frames(geometry)
    for index in range(len(puzzles)):
        guesses[index] = _rate(puzzles[index], runs, frames, geometry, seeds[index : index + 1])
    return guesses


@kernel()
def _climb(puzzle: Grids, solution: Grids, steps: int, frames: Frames, geometry: Geometry, stream: Stream) -> None:
    """Add a few digits of the solution, minimise again, keep what is rated at least as hard; `steps` times."""
    rating = _rate(puzzle, _RUNS, frames, geometry, stream)
    trial = np.empty_like(puzzle)
    for _ in range(steps):
        trial[:] = puzzle
        for _ in range(1 + below(stream, _MOST_ADDED)):
            cell = below(stream, len(trial))
            while trial[cell] != 0:
                cell = below(stream, len(trial))
            trial[cell] = solution[cell]
        dig(trial, len(trial), frames, geometry, stream)
        # A puzzle that is rated again could only gain by luck.
        if (trial == puzzle).all():
            continue
        found = _rate(trial, _RUNS, frames, geometry, stream)
        if found >= rating:
            puzzle[:] = trial
            rating = found


@kernel()
def _climb_all(puzzles: Grids, solutions: Grids, steps: int, seeds: Stream, geometry: Geometry) -> None:
    frames = make_frames(geometry)
    for index in range(len(puzzles)):
        _climb(puzzles[index], solutions[index], steps, frames, geometry, seeds[index : index + 1])


def mean_guesses(puzzles: npt.ArrayLike, runs: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Rate puzzles by the digits that a search has to try: 0 for those that naked and hidden singles solve.

    The search places singles, branches on a random one of the blank cells with the fewest candidates, tries its
    digits in random order and stops at the first solution.

    Args:
        puzzles: integer array (B, N*N), 0 = blank; each should have exactly one solution.
        runs: searches to average over, at least 1.
        rng: source of one seed a puzzle.

    Returns:
        float64 array (B,).

    Raises:
        ValueError: for a wrong shape, type or value, contradictory givens, or runs below 1.
    """
    grids, size = check_grids(puzzles)
    solved = solve(grids)[1]
    if not solved.all():
        raise ValueError(f"puzzle {int(np.argmin(solved))} has no solution")
    if runs < 1:
        raise ValueError(f"runs must be at least 1, got {runs}")
    return _rate_all(grids, runs, draw_seeds(len(grids), rng), geometry_of(size)) / runs


def climb(puzzles: npt.ArrayLike, rng: np.random.Generator, steps: int = _STEPS) -> Grids:
    """Return a minimal puzzle that mostly needs more guesses for each minimal puzzle (B, N*N), int8 (B, N*N).

    A step adds a few digits of the solution, removes givens in random order until the puzzle is minimal again, and
    keeps the result if it is rated at least as hard. The solved grid stays the same, and with it the split.

    Args:
        puzzles: integer array of minimal puzzles with exactly one solution each.
        rng: source of one seed a puzzle.
        steps: steps of each climb, at least 0.

    Raises:
        ValueError: for a wrong shape, type or value, a puzzle that is not minimal or has not one solution, or
            negative steps.
    """
    grids, size = check_grids(puzzles)
    fit = (count_solutions(grids) == 1) & is_minimal(grids)
    if not fit.all():
        raise ValueError(f"puzzle {int(np.argmin(fit))} is not a minimal one with exactly one solution")
    if steps < 0:
        raise ValueError(f"steps must be at least 0, got {steps}")
    climbed = grids.copy()
    _climb_all(climbed, solve(grids)[0], steps, draw_seeds(len(grids), rng), geometry_of(size))
    return climbed


def generate_hard(count: int, rng: np.random.Generator) -> Grids:
    """Return `count` minimal 9x9 puzzles beyond naked and hidden singles, int8 (count, 81); climbed with chance 1/2.

    Raises:
        ValueError: for a negative count.
    """
    if count < 0:
        raise ValueError(f"count must be at least 0, got {count}")
    puzzles = np.zeros((0, 81), dtype=np.int8)
    while len(puzzles) < count:
        drawn = generate_minimal(9, count - len(puzzles), rng)
        puzzles = np.concatenate([puzzles, drawn[beyond_singles(drawn)]])
    chosen = rng.random(count) < 0.5
    puzzles[chosen] = climb(puzzles[chosen], rng)
    return puzzles
