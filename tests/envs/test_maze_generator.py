"""Generated mazes: structure, solvability, determinism, symmetry keys."""

import hashlib

import numpy as np
import pytest

from trm_envs.maze.generator import BRAID, generate, has_loops, shortest_path_length
from trm_envs.maze.paths import flaw
from trm_envs.maze.symmetry import orbit_keys, variants

FREE, WALL, START, GOAL = range(4)
SIZES = (5, 9, 15, 31)


def open_graph(maze, size):
    """Number of open cells, of contacts between them, and of those reached from the start."""
    is_open = (maze != WALL).reshape(size, size)
    contacts = (is_open[1:] & is_open[:-1]).sum() + (is_open[:, 1:] & is_open[:, :-1]).sum()
    reached = (maze == START).reshape(size, size)
    for _ in range(size * size):
        grown = reached.copy()
        grown[1:] |= reached[:-1]
        grown[:-1] |= reached[1:]
        grown[:, 1:] |= reached[:, :-1]
        grown[:, :-1] |= reached[:, 1:]
        reached = grown & is_open
    return int(is_open.sum()), int(contacts), int(reached.sum())


def dead_end_rooms(maze, size):
    is_open = np.pad((maze != WALL).reshape(size, size), 1).astype(int)
    doors = is_open[:-2, 1:-1] + is_open[2:, 1:-1] + is_open[1:-1, :-2] + is_open[1:-1, 2:]
    return int((doors[::2, ::2] == 1).sum())


@pytest.mark.parametrize("size", SIZES)
def test_perfect_mazes_are_spanning_trees_of_the_rooms(size):
    rooms = ((size + 1) // 2) ** 2
    for maze in generate(size, 10, np.random.default_rng(0)):
        cells, contacts, reached = open_graph(maze, size)
        assert cells == reached == 2 * rooms - 1
        assert contacts == cells - 1
        assert (maze.reshape(size, size)[::2, ::2] != WALL).all()
        assert (maze.reshape(size, size)[1::2, 1::2] == WALL).all()


@pytest.mark.parametrize("size", SIZES)
def test_braiding_opens_dead_ends_into_loops(size):
    perfect = generate(size, 10, np.random.default_rng(0))
    half = generate(size, 10, np.random.default_rng(0), BRAID)
    for before, some, none in zip(perfect, half, generate(size, 10, np.random.default_rng(0), 1.0), strict=True):
        assert dead_end_rooms(none, size) == 0
        assert dead_end_rooms(some, size) <= dead_end_rooms(before, size) // 2
        for maze in (some, none):
            cells, contacts, reached = open_graph(maze, size)
            assert cells == reached and contacts >= cells
            # Braiding only takes walls away.
            assert (maze[before == WALL] == WALL).sum() == (maze == WALL).sum()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("braid", [0.0, BRAID])
def test_every_maze_can_be_solved_and_its_ends_are_rooms_far_apart(size, braid):
    mazes = generate(size, 100, np.random.default_rng(7), braid)
    assert mazes.dtype == np.int8 and mazes.shape == (100, size * size)
    assert all(flaw(maze) is None for maze in mazes)
    assert shortest_path_length(mazes).min() >= size
    for kind in (START, GOAL):
        cells = (mazes == kind).argmax(axis=1)
        assert (cells // size % 2 == 0).all() and (cells % size % 2 == 0).all()
        assert len(np.unique(cells)) > (3 if size == 5 else 10)


def test_shortest_path_length_by_hand():
    maze = np.array([[2, 0, 0, 1, 1, 0, 3, 0, 0]], np.int8)
    assert shortest_path_length(maze).tolist() == [7]
    maze[0, 5] = WALL
    assert shortest_path_length(maze).tolist() == [0]


def test_the_generator_alone_decides():
    first = generate(9, 20, np.random.default_rng(3), BRAID)
    np.random.seed(0)
    assert (generate(9, 20, np.random.default_rng(3), BRAID) == first).all()
    assert (generate(9, 20, np.random.default_rng(4), BRAID) != first).any()
    assert len(np.unique(first, axis=0)) == 20
    # Frozen: shipped pools must be rebuilt alike by every version.
    digest = hashlib.sha256(first.tobytes()).hexdigest()
    assert digest.startswith("18ff09e289412fd7")


@pytest.mark.parametrize(
    ("size", "count", "braid", "named"), [(8, 1, 0.0, "8"), (3, 1, 0.0, "3"), (9, -1, 0.0, "-1"), (9, 1, 1.5, "1.5")]
)
def test_bad_arguments_are_refused(size, count, braid, named):
    with pytest.raises(ValueError, match=named):
        generate(size, count, np.random.default_rng(0), braid)


@pytest.mark.parametrize("size", [5, 9])
def test_symmetric_mazes_share_their_key_and_others_do_not(size):
    mazes = generate(size, 50, np.random.default_rng(2), BRAID)
    forms = variants(mazes)
    assert forms.shape == (16, 50, size * size)
    keys = orbit_keys(mazes)
    for form in forms:
        assert orbit_keys(form) == keys
    grids = mazes.reshape(-1, size, size)
    swapped = np.where(mazes >= START, START + GOAL - mazes, mazes)
    for other in (np.rot90(grids, axes=(1, 2)), grids[:, ::-1], grids.swapaxes(1, 2), swapped):
        assert orbit_keys(other.reshape(50, -1)) == keys
    orbits = {frozenset(form.tobytes() for form in forms[:, index]) for index in range(50)}
    assert len(set(keys)) == len(orbits)


@pytest.mark.parametrize(("braid", "mazes", "orbits"), [(0.0, 4_928, 312), (BRAID, 3_072, 201)])
def test_how_many_5x5_mazes_there_are(braid, mazes, orbits):
    drawn = np.unique(generate(5, 200_000, np.random.default_rng(11), braid), axis=0)
    assert len(drawn) == mazes
    assert len(set(orbit_keys(drawn))) == orbits


def test_braided_mazes_have_loops_and_perfect_ones_have_none():
    rng = np.random.default_rng(0)
    assert not has_loops(generate(9, 20, rng)).any()
    assert has_loops(generate(9, 20, rng, braid=0.5)).all()
    ring, corridor = [2, 0, 0, 0, 1, 0, 0, 0, 3], [2, 0, 0, 1, 1, 0, 3, 0, 0]
    assert has_loops(np.array([ring, corridor], np.int8)).tolist() == [True, False]
