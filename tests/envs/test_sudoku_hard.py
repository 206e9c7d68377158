"""Hard puzzles: the rating against a slow search with sets, and what a climb keeps and improves."""

import numpy as np
import pytest

from trm_envs.splitmix import below
from trm_envs.sudoku.generator import count_blanks, draw_seeds, generate, generate_minimal, is_minimal
from trm_envs.sudoku.geometry import cell_units, units
from trm_envs.sudoku.hard import climb, generate_hard, mean_guesses
from trm_envs.sudoku.solver import beyond_singles, count_solutions, solve
from trm_envs.sudoku.symmetry import apply_symmetry, random_symmetry


def rng(seed):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def starts():
    """Random minimal puzzles beyond singles."""
    puzzles = generate_minimal(9, 60, rng(0))
    return puzzles[beyond_singles(puzzles)]


@pytest.fixture(scope="module")
def climbed(starts):
    return climb(starts, rng(1), steps=20)


def peers_of(size):
    """The other cells of each cell's row, column and box."""
    mates = [units(size)[of_cell].ravel().tolist() for of_cell in cell_units(size)]
    return [set(cells) - {cell} for cell, cells in enumerate(mates)]


def close(grid, size, peers):
    """Place naked and hidden singles one at a time; return what each blank cell may hold, None if contradictory."""
    while True:
        options = {
            cell: set(range(1, size + 1)) - {grid[peer] for peer in peers[cell]}
            for cell, digit in enumerate(grid)
            if digit == 0
        }
        moves = [(cell, *digits) for cell, digits in options.items() if len(digits) == 1]
        for unit in units(size).tolist():
            for digit in set(range(1, size + 1)) - {grid[cell] for cell in unit}:
                places = [cell for cell in unit if digit in options.get(cell, ())]
                if not places:
                    return None
                moves += [(places[0], digit)] if len(places) == 1 else []
        if not all(options.values()):
            return None
        if not moves:
            return options
        grid[moves[0][0]] = moves[0][1]


def slow_search(grid, size, stream, peers):
    """Return (digits tried, whether a solution was found) of a recursive search that draws as the kernel does."""
    options = close(grid, size, peers)
    if not options:
        return 0, options is not None
    chosen, fewest, ties = -1, 99, 0
    for cell, digits in options.items():
        if len(digits) < fewest:
            fewest, ties = len(digits), 0
        if len(digits) == fewest:
            ties += 1
            chosen = cell if below(stream, ties) == 0 else chosen
    left, tried = sorted(options[chosen]), 0
    while left:
        digit = left.pop(below(stream, len(left)))
        deeper, found = slow_search([*grid[:chosen], digit, *grid[chosen + 1 :]], size, stream, peers)
        tried += 1 + deeper
        if found:
            return tried, True
    return tried, False


@pytest.mark.parametrize(("size", "count"), [(4, 20), (9, 6)])
def test_the_rating_is_that_of_a_slow_search(size, count):
    # Thinned puzzles have several solutions: even 4x4 then needs guesses.
    puzzles = generate_minimal(size, count, rng(2))
    puzzles[: count // 2, : size + 1] = 0
    runs, peers, expected = 2, peers_of(size), []
    for puzzle, seed in zip(puzzles.tolist(), draw_seeds(count, rng(3)), strict=True):
        stream = np.array([seed])
        searches = [slow_search(list(puzzle), size, stream, peers) for _ in range(runs)]
        assert all(found for _, found in searches)
        expected.append(sum(tried for tried, _ in searches) / runs)
    assert mean_guesses(puzzles, runs, rng(3)).tolist() == expected
    assert max(expected) > 2


def test_exactly_the_puzzles_that_singles_solve_need_no_guess():
    puzzles = np.concatenate([generate(9, (49, 56), 100, rng(4)), generate_minimal(9, 100, rng(5))])
    guesses = mean_guesses(puzzles, 3, rng(6))
    assert guesses.dtype == np.float64 and guesses.shape == (200,)
    assert ((guesses >= 1) == beyond_singles(puzzles)).all() and ((guesses == 0) == ~beyond_singles(puzzles)).all()
    assert 0 < (guesses == 0).sum() < 200


def test_symmetric_copies_are_rated_alike(starts):
    random = rng(7)
    copies = np.concatenate([apply_symmetry(puzzle[None], *random_symmetry(9, random)) for puzzle in starts])
    one, other = (mean_guesses(puzzles, 500, rng(8)) for puzzles in (starts, copies))
    assert (abs(one - other) < 0.25 * one).all()
    assert one.max() > 3 * one.min()


def test_a_climb_keeps_solution_uniqueness_and_minimality(starts, climbed):
    assert climbed.dtype == np.int8 and climbed.shape == starts.shape
    assert (count_solutions(climbed) == 1).all() and is_minimal(climbed).all() and beyond_singles(climbed).all()
    assert (solve(climbed)[0] == solve(starts)[0]).all()
    assert (climbed != starts).any(axis=1).mean() > 0.9


def test_a_climb_leads_to_harder_puzzles(starts, climbed):
    further = climb(starts, rng(1), steps=60)
    means = [mean_guesses(puzzles, 30, rng(9)).mean() for puzzles in (starts, climbed, further)]
    assert 1.3 * means[0] < means[1] and 1.1 * means[1] < means[2]


def test_the_seed_decides_a_climb_puzzle_by_puzzle(starts, climbed):
    before = starts.copy()
    assert (climb(starts[:5], rng(1), steps=20) == climbed[:5]).all()
    assert (climb(starts[:5], rng(2), steps=20) != climbed[:5]).any()
    assert (climb(starts, rng(1), steps=0) == starts).all()
    assert (starts == before).all()


def test_generated_hard_puzzles_are_minimal_and_beyond_singles():
    puzzles = generate_hard(30, rng(10))
    assert puzzles.shape == (30, 81) and puzzles.dtype == np.int8
    assert (count_solutions(puzzles) == 1).all() and is_minimal(puzzles).all() and beyond_singles(puzzles).all()
    assert count_blanks(puzzles).min() >= 49
    assert (puzzles == generate_hard(30, rng(10))).all()
    guesses = np.sort(mean_guesses(puzzles, 20, rng(11)))
    assert guesses[-8:].mean() > 3 * guesses[:8].mean()
    assert generate_hard(0, rng(10)).shape == (0, 81)


def test_bad_arguments_are_refused(starts):
    broken = np.zeros((2, 81), dtype=np.int8)
    broken[1, :2] = 7
    with pytest.raises(ValueError, match="puzzle 1 has no solution"):
        mean_guesses(broken, 1, rng(0))
    for spoilt in (starts[2], solve(starts)[0][2]):
        unfit = starts[:3].copy()
        unfit[2] = np.where(np.arange(81) < np.flatnonzero(spoilt)[0] + 1, 0, spoilt)
        with pytest.raises(ValueError, match="puzzle 2 is not a minimal one with exactly one solution"):
            climb(unfit, rng(0))
    with pytest.raises(ValueError, match="shape"):
        climb(starts[0], rng(0))
    with pytest.raises(ValueError, match="runs"):
        mean_guesses(starts, 0, rng(0))
    with pytest.raises(ValueError, match="steps"):
        climb(starts, rng(0), steps=-1)
    with pytest.raises(ValueError, match="count"):
        generate_hard(-1, rng(0))
