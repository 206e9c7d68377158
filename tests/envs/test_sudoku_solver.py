"""The solver against a plain backtracking oracle and against set-based singles logic."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trm_envs.sudoku.generator import generate, random_solutions
from trm_envs.sudoku.geometry import cell_units, units
from trm_envs.sudoku.solver import beyond_singles, count_solutions, singles, solve
from trm_envs.sudoku.solver_kernels import bit_count


def naive_count(grid: list[int], size: int) -> int:
    """Count every solution by trying every digit in the first blank cell."""
    blank = next((cell for cell, digit in enumerate(grid) if digit == 0), None)
    if blank is None:
        return 1
    seen = {grid[cell] for unit in cell_units(size)[blank] for cell in units(size)[unit]}
    return sum(
        naive_count([*grid[:blank], digit, *grid[blank + 1 :]], size)
        for digit in range(1, size + 1)
        if digit not in seen
    )


def has_conflict(grid: list[int], size: int) -> bool:
    lines = [[grid[cell] for cell in unit if grid[cell]] for unit in units(size)]
    return any(len(set(line)) < len(line) for line in lines)


def naive_singles(grid: list[int], size: int) -> list[int]:
    """Place one naked or hidden single at a time with sets until there is none."""
    grid = list(grid)
    while True:
        options = {
            cell: set(range(1, size + 1))
            - {grid[mate] for unit in cell_units(size)[cell] for mate in units(size)[unit]}
            for cell, digit in enumerate(grid)
            if digit == 0
        }
        moves = [(cell, *digits) for cell, digits in options.items() if len(digits) == 1]
        for unit in units(size):
            for digit in range(1, size + 1):
                places = [int(cell) for cell in unit if digit in options.get(int(cell), ())]
                moves += [(places[0], digit)] if len(places) == 1 else []
        if not moves:
            return grid
        grid[moves[0][0]] = moves[0][1]


def is_solution_of(solutions: np.ndarray, puzzles: np.ndarray, size: int) -> bool:
    complete = (np.sort(solutions[:, units(size)], axis=2) == np.arange(1, size + 1)).all()
    return bool(complete and ((puzzles == 0) | (puzzles == solutions)).all())


@given(st.lists(st.integers(0, 4), min_size=16, max_size=16), st.integers(0, 2**16 - 1))
@settings(max_examples=200, deadline=None)
def test_count_equals_backtracking_on_arbitrary_4x4_givens(digits, mask):
    grid = [digit if mask >> cell & 1 else 0 for cell, digit in enumerate(digits)]
    expected = 0 if has_conflict(grid, 4) else naive_count(grid, 4)
    assert count_solutions([grid], limit=1_000)[0] == expected


@given(st.integers(0, 2**32 - 1), st.floats(0.3, 1.0))
@settings(max_examples=100, deadline=None)
def test_count_equals_backtracking_when_a_solved_4x4_grid_is_thinned(seed, share):
    rng = np.random.default_rng(seed)
    puzzle = random_solutions(4, 1, rng)[0] * (rng.random(16) >= share)
    total = naive_count(puzzle.tolist(), 4)
    assert total >= 1
    for limit in (1, 2, 1_000):
        assert count_solutions(puzzle[None], limit=limit)[0] == min(total, limit)


def test_empty_4x4_grid_has_288_solutions():
    assert count_solutions(np.zeros((1, 16), dtype=np.int8), limit=1_000)[0] == 288


def test_count_equals_backtracking_on_9x9_puzzles_with_several_solutions():
    rng = np.random.default_rng(5)
    puzzles = random_solutions(9, 20, rng) * (rng.random((20, 81)) >= 0.5)
    totals = [naive_count(puzzle, 9) for puzzle in puzzles.tolist()]
    assert max(totals) > 1
    assert count_solutions(puzzles, limit=10**6).tolist() == totals


@pytest.mark.parametrize(("size", "blanks"), [(4, (6, 8)), (9, (49, 56)), (16, (90, 120)), (25, (251, 260))])
def test_solve_returns_the_one_solution(size, blanks):
    puzzles = generate(size, blanks, 20, np.random.default_rng(0))
    before = puzzles.copy()
    solutions, solved = solve(puzzles)
    assert solved.dtype == np.bool_ and solved.all()
    assert solutions.dtype == np.int8 and solutions.shape == puzzles.shape
    assert is_solution_of(solutions, puzzles, size)
    assert (puzzles == before).all()


@given(st.integers(0, 2**31 - 1))
def test_bits_are_counted(mask):
    assert bit_count(mask) == mask.bit_count()


@pytest.mark.parametrize("size", [4, 9, 16, 25])
def test_solve_fills_an_empty_grid(size):
    empty = np.zeros((1, size * size), dtype=np.int8)
    solutions, solved = solve(empty)
    assert solved.all() and is_solution_of(solutions, empty, size)


def test_puzzles_without_solution_are_reported_beside_solvable_ones():
    puzzles = generate(9, (20, 30), 3, np.random.default_rng(1))
    puzzles[1] = 0
    puzzles[1, :2] = 7  # the same digit twice in a row
    puzzles[2] = 0
    puzzles[2, :8] = np.arange(1, 9)
    puzzles[2, 17] = 9  # no digit is left for cell 8, although no unit repeats one
    solutions, solved = solve(puzzles)
    assert solved.tolist() == [True, False, False]
    assert not solutions[1:].any()
    assert count_solutions(puzzles).tolist() == [1, 0, 0]


@pytest.mark.parametrize(("size", "blanks"), [(4, (6, 12)), (9, (49, 57))])
def test_singles_reaches_the_fixed_point_of_set_based_logic(size, blanks):
    puzzles = generate(size, blanks, 15, np.random.default_rng(2))
    filled = singles(puzzles)
    assert filled.dtype == np.int8
    assert filled.tolist() == [naive_singles(puzzle, size) for puzzle in puzzles.tolist()]


def test_singles_leaves_blanks_where_guessing_is_needed_and_never_errs():
    puzzles = generate(9, (54, 57), 100, np.random.default_rng(3))
    filled, (solutions, _) = singles(puzzles), solve(puzzles)
    stuck = (filled == 0).any(axis=1)
    assert 0 < stuck.sum() < 100
    assert (beyond_singles(puzzles) == stuck).all()
    assert ((filled == 0) | (filled == solutions)).all()


def test_no_grids_are_no_error():
    empty = np.zeros((0, 81), dtype=np.int8)
    assert count_solutions(empty).shape == (0,)
    assert solve(empty)[0].shape == (0, 81)
    assert beyond_singles(empty).shape == (0,)


@pytest.mark.parametrize(
    ("grids", "cause"),
    [
        (np.zeros(81, dtype=np.int8), "shape"),
        (np.zeros((2, 80), dtype=np.int8), "shape"),
        (np.zeros((2, 36), dtype=np.int8), "shape"),
        (np.zeros((2, 81)), "integer"),
        (np.full((1, 16), 5), "0..4"),
        (np.full((1, 16), -1), "0..4"),
    ],
)
def test_bad_grids_are_refused(grids, cause):
    for function in (count_solutions, solve, singles):
        with pytest.raises(ValueError, match=cause):
            function(grids)


def test_a_limit_below_one_is_refused():
    with pytest.raises(ValueError, match="limit"):
        count_solutions(np.zeros((1, 16), dtype=np.int8), limit=0)
