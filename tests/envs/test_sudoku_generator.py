"""Generated puzzles: uniqueness, blank counts, minimality and determinism."""

from collections import Counter

import numpy as np
import pytest

from trm_envs.sudoku.generator import count_blanks, generate, generate_minimal, is_minimal, random_solutions
from trm_envs.sudoku.geometry import units
from trm_envs.sudoku.solver import count_solutions

RANGES = [
    (4, (1, 4), 300),
    (4, (6, 8), 300),
    (4, (12, 12), 20),
    (9, (20, 30), 300),
    (9, (49, 56), 300),
    (16, (90, 120), 60),
]


def removable_givens(puzzle):
    """Every given whose removal leaves one solution, by removing it and counting."""
    cells = np.flatnonzero(puzzle)
    thinned = np.repeat(puzzle[None], len(cells), axis=0)
    thinned[np.arange(len(cells)), cells] = 0
    return cells[count_solutions(thinned) == 1]


@pytest.mark.parametrize("size", [4, 9, 16])
def test_random_solutions_are_solved_and_differ(size):
    grids = random_solutions(size, 50, np.random.default_rng(0))
    assert grids.dtype == np.int8 and grids.shape == (50, size * size)
    assert (np.sort(grids[:, units(size)], axis=2) == np.arange(1, size + 1)).all()
    assert len(np.unique(grids, axis=0)) > 40


def test_random_solutions_reach_every_4x4_grid():
    assert len(np.unique(random_solutions(4, 20_000, np.random.default_rng(0)), axis=0)) == 288


@pytest.mark.parametrize(("size", "blanks", "count"), RANGES)
def test_puzzles_have_one_solution_and_the_wanted_blanks(size, blanks, count):
    puzzles = generate(size, blanks, count, np.random.default_rng(1))
    found = count_blanks(puzzles)
    assert puzzles.dtype == np.int8 and puzzles.shape == (count, size * size)
    assert (count_solutions(puzzles) == 1).all()
    assert found.min() >= max(blanks[0], 1) and found.max() <= blanks[1]


def test_blank_counts_are_uniform_in_the_range():
    counts = Counter(count_blanks(generate(9, (49, 56), 1_600, np.random.default_rng(2))).tolist())
    assert sorted(counts) == list(range(49, 57))
    # Chi-square with 7 degrees of freedom: 24.3 is its 99.9 % point.
    assert sum((seen - 200) ** 2 / 200 for seen in counts.values()) < 24.3


@pytest.mark.parametrize(("size", "blanks", "count"), RANGES)
def test_the_generator_state_decides_the_puzzles(size, blanks, count):
    one, same, other = (generate(size, blanks, count, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert (one == same).all() and (one != other).any()


def test_consecutive_calls_give_new_puzzles():
    rng = np.random.default_rng(5)
    assert (generate(9, (49, 56), 5, rng) != generate(9, (49, 56), 5, rng)).any(axis=1).all()


def test_the_global_numpy_state_plays_no_part():
    np.random.seed(0)
    one = generate(9, (49, 56), 5, np.random.default_rng(6))
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    assert (one == generate(9, (49, 56), 5, np.random.default_rng(6))).all()
    assert (np.random.get_state()[1] == before).all()


@pytest.mark.parametrize(("size", "count"), [(4, 200), (9, 40)])
def test_minimal_puzzles_lose_uniqueness_with_any_given(size, count):
    puzzles = generate_minimal(size, count, np.random.default_rng(7))
    assert (count_solutions(puzzles) == 1).all()
    assert all(len(removable_givens(puzzle)) == 0 for puzzle in puzzles)
    assert is_minimal(puzzles).all()


def test_minimal_4x4_puzzles_have_11_or_12_blanks():
    assert set(count_blanks(generate_minimal(4, 300, np.random.default_rng(8))).tolist()) == {11, 12}


def test_minimal_puzzles_keep_to_a_given_range():
    assert set(count_blanks(generate_minimal(9, 20, np.random.default_rng(9), blanks=(57, 58))).tolist()) == {57, 58}


def test_is_minimal_agrees_with_removing_each_given():
    puzzles = np.concatenate(
        [generate(9, (52, 56), 60, np.random.default_rng(10)), generate_minimal(9, 5, np.random.default_rng(11))]
    )
    before = puzzles.copy()
    minimal = is_minimal(puzzles)
    assert 0 < minimal.sum() < len(puzzles)
    assert minimal.tolist() == [len(removable_givens(puzzle)) == 0 for puzzle in puzzles]
    assert (puzzles == before).all()


@pytest.mark.parametrize("blanks", [(0, 4), (5, 4), (1, 82)])
def test_bad_ranges_are_refused(blanks):
    with pytest.raises(ValueError, match="blanks"):
        generate(9, blanks, 1, np.random.default_rng(0))


def test_a_range_out_of_reach_is_an_error():
    # No 4x4 puzzle with three givens has one solution.
    with pytest.raises(RuntimeError, match="fewer blanks"):
        generate(4, (13, 13), 1, np.random.default_rng(0))


def test_other_bad_arguments_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="size"):
        generate(6, (1, 4), 1, rng)
    with pytest.raises(ValueError, match="size"):
        random_solutions(36, 1, rng)
    with pytest.raises(ValueError, match="sizes 4 and 9"):
        generate_minimal(25, 1, rng)
    with pytest.raises(ValueError, match="count"):
        generate(9, (20, 30), -1, rng)
