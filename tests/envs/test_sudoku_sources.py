"""Generated training puzzles keep out of the held-out orbits."""

import numpy as np
import pytest

from trm_envs import pools
from trm_envs.pools.source import split_of_key
from trm_envs.sudoku.generator import count_blanks, generate, is_minimal
from trm_envs.sudoku.solver import beyond_singles, count_solutions, solve
from trm_envs.sudoku.sources import puzzle_source, training_puzzles
from trm_envs.sudoku.symmetry import canonical, invariant
from trm_envs.sudoku.text import parse_grid_lines


def test_generated_4x4_puzzles_share_no_orbit_with_held_out_ones():
    held_out = {
        form.tobytes()
        for split in ("validation", "test")
        for form in canonical(parse_grid_lines(pools.load("sudoku-4x4-6-8", split), 4, "pool"))
    }
    rng = np.random.default_rng(0)
    assert any(form.tobytes() in held_out for form in canonical(generate(4, (6, 8), 200, rng)))
    puzzles = training_puzzles(4, (6, 8), 200, rng)
    assert not any(form.tobytes() in held_out for form in canonical(puzzles))
    assert (count_solutions(puzzles) == 1).all()


@pytest.mark.parametrize("blanks", [(49, 56), "minimal"])
def test_generated_9x9_puzzles_belong_to_the_training_split(blanks):
    puzzles = training_puzzles(9, blanks, 60, np.random.default_rng(1))
    assert len(puzzles) == 60
    assert {split_of_key(int(key)) for key in invariant(solve(puzzles)[0])} == {"train"}
    if blanks != "minimal":
        assert set(count_blanks(puzzles)) <= set(range(49, 57))
    assert np.array_equal(puzzles, training_puzzles(9, blanks, 60, np.random.default_rng(1)))


def test_hard_training_puzzles_are_minimal_beyond_singles_and_of_the_training_split():
    puzzles = training_puzzles(9, "hard", 12, np.random.default_rng(2))
    assert puzzles.shape == (12, 81)
    assert is_minimal(puzzles).all() and beyond_singles(puzzles).all()
    assert {split_of_key(int(key)) for key in invariant(solve(puzzles)[0])} == {"train"}
    assert np.array_equal(puzzles, training_puzzles(9, "hard", 12, np.random.default_rng(2)))


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_hard_puzzles_are_those_of_the_shipped_pool(split):
    source = puzzle_source(9, {"blanks": "hard", "split": split})
    expected = parse_grid_lines(pools.load("sudoku-9x9-hard", split), 9, "pool")
    assert np.array_equal(source.instances, expected)


@pytest.mark.parametrize("size", [4, 16])
@pytest.mark.parametrize("generate_them", [False, True])
def test_hard_puzzles_of_other_sizes_are_refused(size, generate_them):
    with pytest.raises(ValueError, match=f"'hard' is for 9x9 puzzles, not {size}x{size}"):
        puzzle_source(size, {"blanks": "hard", "generate": generate_them})
