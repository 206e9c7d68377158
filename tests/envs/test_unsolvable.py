"""A Sudoku without a solution is refused with the reason, wherever it comes from."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from puzzle_files import sudoku

import trm_envs  # noqa: F401
from trm_envs.sudoku.geometry import units
from trm_envs.sudoku.solver import MOST_PLACEMENTS, is_unsolvable
from trm_envs.sudoku.text import format_grids, parse_grid_lines

NINE, FOUR = sudoku(9), sudoku(4)


def brute_force_4x4(grid: Any) -> bool:
    """Whether a 4x4 grid has a solution, by trying."""
    blank = np.flatnonzero(grid == 0)
    if any(len(set(cells[cells > 0])) < (cells > 0).sum() for cells in (grid[unit] for unit in units(4))):
        return False
    if len(blank) == 0:
        return True
    for digit in range(1, 5):
        grid = grid.copy()
        grid[blank[0]] = digit
        if brute_force_4x4(grid):
            return True
    return False


@given(st.lists(st.integers(0, 4), min_size=16, max_size=16), st.integers(0, 12))
@settings(max_examples=150, deadline=None)
def test_a_4x4_puzzle_is_refused_exactly_where_it_has_no_solution(values: list[int], blanks: int) -> None:
    grid = np.array(values, np.int8)
    grid[np.random.default_rng(sum(values)).permutation(16)[:blanks]] = 0
    grid[values[0]] = 0
    assert bool(is_unsolvable(grid[None])[0]) is not brute_force_4x4(grid)
    if brute_force_4x4(grid):
        np.testing.assert_array_equal(FOUR.read(grid[None]), grid[None])
    else:
        with pytest.raises(ValueError, match=r"puzzles\[0\]: (digit \d is given twice|it has no solution: )"):
            FOUR.read(grid[None])


UNSOLVABLE = {
    "no digit fits into row 1, column 9": "12345678." + "." * 17 + "9" + "." * 54,
    "no cell of row 1 can hold 9": "1234567.." + "." * 34 + "9" + "." * 27 + "9" + "." * 9,
    "every way to fill its blanks repeats a digit": (
        ".....5.8....6.1.43..........1.5........1.6...3.......553.....61........4........."
    ),
}


@pytest.mark.parametrize("reason", list(UNSOLVABLE)[:2])
def test_the_reason_is_given_in_files_arrays_and_resets(tmp_path: Path, reason: str) -> None:
    line = UNSOLVABLE[reason]
    path = tmp_path / "own.csv"
    path.write_text(f"puzzle\n{NINE.lines[0]}\n{line}\n", encoding="utf-8")
    grids = parse_grid_lines([NINE.lines[0], line], 9)
    env_id = "SudokuPlanEdit-9x9-v0"
    for source, place in ((path, r"own\.csv, line 3"), (grids, r"puzzles\[1\]")):
        with pytest.raises(
            ValueError, match=f"{place}: it has no solution: {reason}: correct its givens, or leave it out"
        ):
            gym.make(env_id, puzzles=source)
    for env in (gym.make(env_id).unwrapped, gym.make_vec(env_id, num_envs=2)):
        for puzzle in (line, grids[1]):
            with pytest.raises(ValueError, match=rf"options\['puzzle'\]: it has no solution: {reason}"):
                env.reset(options={"puzzle": puzzle})


def test_a_proof_that_takes_millions_of_placements_is_found() -> None:
    (reason, line) = list(UNSOLVABLE.items())[2]
    with pytest.raises(ValueError, match=f"no solution: {reason}"):
        NINE.read([line])
    assert MOST_PLACEMENTS > 1_000_000


def test_the_first_puzzle_without_a_solution_is_the_one_named() -> None:
    lines = [*format_grids(NINE.grids), UNSOLVABLE["no digit fits into row 1, column 9"], "11" + "." * 79]
    with pytest.raises(ValueError, match="line 4: it has no solution"):
        NINE.read(lines)


def test_reading_does_not_outlast_an_alarm() -> None:
    # 20,000 puzzles are checked by the solver too; a minute is hundreds of times what that takes.
    signal.alarm(60)
    try:
        assert len(NINE.read(NINE.lines * 7_000)) == 21_000
    finally:
        signal.alarm(0)
