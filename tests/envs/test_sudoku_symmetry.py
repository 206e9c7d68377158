"""Canonical forms and invariants against brute force over the whole 4x4 group and random symmetries elsewhere."""

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trm_envs.sudoku.generator import count_blanks, generate, is_minimal, random_solutions
from trm_envs.sudoku.geometry import units
from trm_envs.sudoku.solver import count_solutions
from trm_envs.sudoku.symmetry import apply_symmetry, canonical, invariant, random_symmetry


@pytest.fixture(scope="module")
def all_4x4():
    """Every solved 4x4 grid, found by trying every combination of four rows."""
    rows = list(permutations((1, 2, 3, 4)))
    pairs = [(a, b) for a, b in product(rows, rows) if all(len({*a[i : i + 2], *b[i : i + 2]}) == 4 for i in (0, 2))]
    squares = [a + b + c + d for (a, b), (c, d) in product(pairs, pairs)]
    grids = [square for square in squares if all(len(set(square[column::4])) == 4 for column in range(4))]
    return np.array(grids, dtype=np.int8)


@pytest.fixture(scope="module")
def group_4x4():
    """All 3,072 symmetries of 4x4 as (cells, digits), generated from single swaps by closure."""
    square = np.arange(16).reshape(4, 4)
    swaps = [square.T, square[[1, 0, 2, 3]], square[[2, 3, 0, 1]]]
    generators = [tuple(swap.ravel().tolist()) for swap in swaps]
    spatial = {tuple(range(16))}
    frontier = list(spatial)
    while frontier:
        reached = {tuple(cells[cell] for cell in move) for cells in frontier for move in generators} - spatial
        spatial |= reached
        frontier = list(reached)
    relabellings = [(0, *digits) for digits in permutations((1, 2, 3, 4))]
    return [
        (np.array(cells), np.array(digits, dtype=np.int8)) for cells, digits in product(sorted(spatial), relabellings)
    ]


def transformed(grids, size, seed):
    rng = np.random.default_rng(seed)
    return np.concatenate([apply_symmetry(grid[None], *random_symmetry(size, rng)) for grid in grids])


def test_there_are_288_solved_4x4_grids_in_2_orbits(all_4x4, group_4x4):
    assert len(all_4x4) == 288 and len(group_4x4) == 3_072
    orbit = {apply_symmetry(all_4x4[:1], *symmetry).tobytes() for symmetry in group_4x4}
    others = [grid for grid in all_4x4 if grid.tobytes() not in orbit]
    second = {apply_symmetry(others[0][None], *symmetry).tobytes() for symmetry in group_4x4}
    assert len(orbit) + len(second) == 288 and not orbit & second
    assert len(np.unique(canonical(all_4x4), axis=0)) == 2
    assert len(np.unique(invariant(all_4x4))) == 2


def test_canonical_4x4_is_the_least_grid_of_the_orbit(group_4x4):
    puzzles = generate(4, (1, 12), 12, np.random.default_rng(0))
    for puzzle in puzzles:
        copies = [tuple(apply_symmetry(puzzle[None], *symmetry)[0].tolist()) for symmetry in group_4x4]
        assert tuple(canonical(puzzle[None])[0].tolist()) == min(copies)


def test_there_are_36_orbits_of_minimal_4x4_puzzles(all_4x4):
    solved = np.unique(canonical(all_4x4), axis=0)
    masks = ((np.arange(1 << 16)[:, None] >> np.arange(16)) & 1).astype(np.int8)
    puzzles = (solved[:, None] * masks).reshape(-1, 16)
    puzzles = puzzles[count_solutions(puzzles) == 1]
    orbits = np.unique(canonical(puzzles[is_minimal(puzzles)]), axis=0)
    assert np.unique_counts(count_blanks(orbits)).counts.tolist() == [1, 22, 13]
    assert sorted(set(count_blanks(orbits).tolist())) == [10, 11, 12]


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_canonical_4x4_is_invariant_and_symmetric_to_its_grid(seed):
    puzzles = generate(4, (1, 11), 4, np.random.default_rng(seed))
    forms = canonical(puzzles)
    assert (canonical(transformed(puzzles, 4, seed + 1)) == forms).all()
    assert (canonical(forms) == forms).all()
    assert (count_blanks(forms) == count_blanks(puzzles)).all() and (count_solutions(forms) == 1).all()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_canonical_9x9_is_invariant_and_a_solved_grid(seed):
    grids = random_solutions(9, 3, np.random.default_rng(seed))
    forms = canonical(grids)
    assert (canonical(transformed(grids, 9, seed + 1)) == forms).all()
    assert (canonical(forms) == forms).all()
    assert (forms[:, :9] == np.arange(1, 10)).all() and (count_solutions(forms) == 1).all()
    # The form is in the orbit: what every symmetry preserves is preserved.
    assert (invariant(forms) == invariant(grids)).all()


def test_canonical_9x9_is_at_most_every_copy():
    grid = random_solutions(9, 1, np.random.default_rng(1))
    least = tuple(canonical(grid)[0].tolist())
    assert all(tuple(copy.tolist()) >= least for copy in transformed(np.repeat(grid, 2_000, axis=0), 9, 2))


def test_canonical_9x9_of_the_most_symmetric_grids():
    # Cyclic shifts: large automorphism groups give many ties, which random grids do not.
    start = np.arange(9).reshape(3, 3)
    rows = np.stack([(np.arange(9) + 3 * row + band) % 9 for band in range(3) for row in range(3)])
    blocks = np.stack([np.roll(np.roll(start, -row, 0), -band, 1).ravel() for band in range(3) for row in range(3)])
    grids = np.stack([rows.ravel(), blocks.ravel()]).astype(np.int8) + 1
    assert (count_solutions(grids) == 1).all()
    forms = canonical(grids)
    assert (forms[0] != forms[1]).any()
    for seed in range(20):
        assert (canonical(transformed(grids, 9, seed)) == forms).all()


@pytest.mark.parametrize("size", [4, 9, 16])
def test_invariant_is_preserved_by_random_symmetries(size):
    grids = random_solutions(size, 50, np.random.default_rng(3))
    hashes = invariant(grids)
    assert hashes.dtype == np.uint64 and hashes.shape == (50,)
    assert (invariant(transformed(grids, size, 4)) == hashes).all()


@pytest.mark.parametrize("size", [9, 16])
def test_invariant_tells_random_grids_apart(size):
    grids = random_solutions(size, 1_000, np.random.default_rng(5))
    assert len(np.unique(invariant(grids))) == 1_000


@pytest.mark.parametrize("size", [4, 9, 16])
def test_random_symmetries_permute_cells_and_keep_grids_solved(size):
    rng = np.random.default_rng(6)
    grid = random_solutions(size, 1, rng)
    copies = set()
    for _ in range(100):
        cells, digits = random_symmetry(size, rng)
        assert sorted(cells.tolist()) == list(range(size * size)) and cells.dtype == np.int64
        assert digits[0] == 0 and sorted(digits.tolist()) == list(range(size + 1)) and digits.dtype == np.int8
        copy = apply_symmetry(grid, cells, digits)
        assert copy.dtype == np.int8
        assert (np.sort(copy[:, units(size)], axis=2) == np.arange(1, size + 1)).all()
        copies.add(copy.tobytes())
    assert len(copies) > 50


def test_random_symmetries_reach_the_whole_4x4_group():
    rng = np.random.default_rng(7)
    spatial = {random_symmetry(4, rng)[0].tobytes() for _ in range(3_000)}
    assert len(spatial) == 128


def test_forms_out_of_reach_or_of_unsolved_grids_are_refused():
    rng = np.random.default_rng(8)
    with pytest.raises(ValueError, match="invariant"):
        canonical(random_solutions(16, 1, rng))
    puzzles = generate(9, (20, 30), 1, rng)
    for function in (canonical, invariant):
        with pytest.raises(ValueError, match="solve"):
            function(puzzles)
