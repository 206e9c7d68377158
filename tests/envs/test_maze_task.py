"""The maze checker and masks against plain-Python oracles that follow the definitions word by word."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trm_envs.maze.generator import generate, scatter, shortest_path_length
from trm_envs.maze.paths import first_paths
from trm_envs.maze.task import MazeTask
from trm_envs.maze.text import parse_mazes
from trm_envs.plan_edit.mdp import PlanEditMDP

FREE, WALL, START, GOAL = range(4)


def neighbours(cell, size):
    row, column = divmod(cell, size)
    around = ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1))
    return [r * size + c for r, c in around if 0 <= r < size and 0 <= c < size]


def chain_of(marked, first, last, size):
    """The cells of a chain in order, and the marked cells it could go on to."""
    chain = [first]
    while chain[-1] != last:
        onward = [c for c in neighbours(chain[-1], size) if c in marked and c not in chain]
        if len(onward) != 1:
            return chain, onward
        chain.append(onward[0])
    return chain, []


def extends(cell, chain, marked, size):
    others = [c for c in neighbours(cell, size) if c in marked and c != chain[-1]]
    return len(others) <= 1 and not set(others) & set(chain)


def oracle(instance, plan, size):
    """Length, filled, violations, dead ends."""
    marked = set(np.flatnonzero(plan).tolist())
    start, goal = int(np.argmax(instance == START)), int(np.argmax(instance == GOAL))
    chains = [chain_of(marked, start, goal, size), chain_of(marked, goal, start, size)]
    on_chain = set(chains[0][0]) | set(chains[1][0])
    crowded = [c for c in marked if sum(other in marked for other in neighbours(c, size)) > 2]
    dead_ends = 0
    for (chain, onward), other_end in zip(chains, (goal, start), strict=True):
        if chain[-1] != other_end:
            open_cells = [c for c in neighbours(chain[-1], size) if instance[c] == FREE and c not in marked]
            dead_ends += bool(onward) or not any(extends(c, chain, marked, size) for c in open_cells)
    return len(on_chain), len(marked), len(crowded) + len(marked - on_chain), dead_ends


def is_one_induced_path(instance, plan, size):
    """Whether a depth-first search finds an order of all marked cells, start to goal, with no other contacts."""
    marked = set(np.flatnonzero(plan).tolist())
    start, goal = int(np.argmax(instance == START)), int(np.argmax(instance == GOAL))

    def search(path):
        if path[-1] == goal:
            return len(path) == len(marked)
        steps = [c for c in neighbours(path[-1], size) if c in marked and c not in path]
        return any(search([*path, c]) for c in steps)

    contacts = sum(other in marked for cell in marked for other in neighbours(cell, size)) // 2
    return contacts == len(marked) - 1 and search([start])


def shortest_path(instance, size):
    """Cells of one shortest path, start first, by breadth-first search."""
    start, goal = int(np.argmax(instance == START)), int(np.argmax(instance == GOAL))
    before, queue = {start: start}, [start]
    for cell in queue:
        for other in neighbours(cell, size):
            if other not in before and instance[other] != WALL:
                before[other] = cell
                queue.append(other)
    path = [goal]
    while path[-1] != start:
        path.append(before[path[-1]])
    return path[::-1]


@st.composite
def states(draw):
    """An open field with random walls, ends anywhere and random marks: every case, not only what mazes show."""
    size = draw(st.integers(3, 5))
    n_cells = size * size
    instance = np.array(draw(st.lists(st.sampled_from([FREE, FREE, FREE, WALL]), min_size=n_cells, max_size=n_cells)))
    start, goal = draw(st.permutations(range(n_cells)))[:2]
    instance[[start, goal]] = START, GOAL
    marks = np.array(draw(st.lists(st.booleans(), min_size=n_cells, max_size=n_cells)))
    return size, instance.astype(np.int8), ((marks & (instance != WALL)) | (instance >= START)).astype(np.int8)


@settings(max_examples=400, deadline=None)
@given(states())
def test_checker_agrees_with_the_definition(state):
    size, instance, plan = state
    length, filled, violations, dead_ends = oracle(instance, plan, size)
    task = MazeTask(size, violation_weight=3.0, dead_end_weight=0.5)
    checks = task.check(instance[None], plan[None])
    assert (checks.filled[0], checks.violations[0], checks.dead_ends[0]) == (filled, violations, dead_ends)
    assert checks.score[0] == length - 3.0 * violations - 0.5 * dead_ends
    assert checks.score[0] <= task.max_score
    assert checks.solved[0] == is_one_induced_path(instance, plan, size)


def test_every_marking_of_a_small_maze_is_judged_as_the_definition_says():
    size, text = 3, "S...#...G"
    instance = parse_mazes([text], size)[0]
    free = np.flatnonzero(instance == FREE)
    markings = (np.arange(1 << len(free))[:, None] >> np.arange(len(free))) & 1
    plans = np.tile((instance >= START).astype(np.int8), (len(markings), 1))
    plans[:, free] = markings
    checks = MazeTask(size).check(np.tile(instance, (len(plans), 1)), plans)
    expected = [is_one_induced_path(instance, plan, size) for plan in plans]
    assert checks.solved.tolist() == expected
    assert sum(expected) == 2


def test_first_paths_are_those_of_plain_breadth_first_search():
    size = 9
    mazes = scatter(size, 40, np.random.default_rng(3))
    paths = first_paths(mazes, size)
    for maze, path in zip(mazes, paths, strict=True):
        assert set(np.flatnonzero(path).tolist()) == set(shortest_path(maze, size))
    assert MazeTask(size, shortest=True).check(mazes, paths).solved.all()


def test_of_two_shortest_paths_the_first_one_goes_down():
    mazes = parse_mazes(["S...#...G", "G...#...S", "S...##.#G"], 3)
    down_right, up_left, none = first_paths(mazes, 3).reshape(-1, 3, 3).tolist()
    assert down_right == [[1, 0, 0], [1, 0, 0], [1, 1, 1]]
    # From the other end the cell above is tried first.
    assert up_left == [[1, 1, 1], [0, 0, 1], [0, 0, 1]]
    assert not np.any(none)


@pytest.mark.parametrize(
    ("plan", "length", "violations", "dead_ends"),
    [
        ("S.../..../..../...G", 2, 0, 0),
        ("Sxx./..../..../..xG", 5, 0, 0),
        ("Sxx./..x./..x./..xG", 7, 0, 0),
        ("Sxx./..x./..../...G", 5, 0, 0),
        # Both neighbours of the start are marked: its chain is the start alone, and they lie on no chain.
        ("Sx../x.../..../...G", 2, 2, 1),
        # A fork: the chain from the start stops at a cell with three marked neighbours, what is beyond lies on none.
        ("Sxx./.x../..../...G", 3, 3, 1),
        # A stray cell.
        ("S.../..x./..../...G", 2, 1, 0),
    ],
)
def test_chains_by_example(plan, length, violations, dead_ends):
    cells = plan.replace("/", "")
    instance = np.array([{"S": START, "G": GOAL}.get(c, FREE) for c in cells], np.int8)
    marks = np.array([c != "." for c in cells], np.int8)
    checks = MazeTask(4).check(instance[None], marks[None])
    assert (checks.violations[0], checks.dead_ends[0]) == (violations, dead_ends)
    assert checks.score[0] == length - 2 * violations


@settings(max_examples=300, deadline=None)
@given(states())
def test_masks_follow_the_definition_and_agree_with_edit(state):
    size, instance, plan = state
    task = MazeTask(size)
    n_cells = size * size
    instances, plans = np.tile(instance, (n_cells, 1)), np.tile(plan, (n_cells, 1))
    toggled = plans ^ np.eye(n_cells, dtype=np.int8)
    before, after = oracle(instance, plan, size)[2], [oracle(instance, edited, size)[2] for edited in toggled]
    for level in ("givens", "consistent"):
        legal = instance == FREE
        if level == "consistent":
            legal &= (plan == 1) | (np.array(after) <= before)
        edited, was_legal = task.edit(instances, plans, np.arange(n_cells), level)
        assert task.action_mask(instance[None], plan[None], level)[0].tolist() == legal.tolist()
        assert was_legal.tolist() == legal.tolist()
        assert (edited == np.where(legal[:, None], toggled, plans)).all()
        assert (plans == plan).all() and not np.shares_memory(edited, plans)


@settings(max_examples=100, deadline=None)
@given(states(), st.data())
def test_toggling_twice_is_the_identity(state, data):
    size, instance, plan = state
    action = np.array([data.draw(st.integers(0, size * size - 1))])
    task = MazeTask(size)
    once, legal = task.edit(instance[None], plan[None], action, "givens")
    twice, _ = task.edit(instance[None], once, action, "givens")
    assert (twice[0] == plan).all()
    assert (once[0] != plan).sum() == legal[0]


@pytest.mark.parametrize("size", [5, 9, 15])
@pytest.mark.parametrize("braid", [0.0, 1.0])
@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_walking_a_shortest_path_raises_the_score_and_solves(size, braid, weight):
    task = MazeTask(size, shortest=True, violation_weight=weight)
    for maze in generate(size, 20, np.random.default_rng(size), braid):
        plan = task.initial_plans(maze[None])
        path = shortest_path(maze, size)
        scores = [task.check(maze[None], plan).score[0]]
        for cell in path[1:-1]:
            assert task.action_mask(maze[None], plan, "consistent")[0, cell]
            plan, _ = task.edit(maze[None], plan, np.array([cell]), "consistent")
            checks = task.check(maze[None], plan)
            assert checks.solved[0] == (cell == path[-2])
            scores.append(checks.score[0])
        assert (np.diff(scores) == 1).all()
        assert scores[-1] == len(path) == shortest_path_length(maze[None])[0] <= task.max_score


def test_shortest_refuses_a_detour_only():
    instance = parse_mazes(["S.G.#...."], 3)
    short, long = np.array([[1, 1, 1, 0, 0, 0, 0, 0, 0]], np.int8), np.array([[1, 0, 1, 1, 0, 1, 1, 1, 1]], np.int8)
    for shortest in (False, True):
        task = MazeTask(3, shortest=shortest)
        assert task.check(instance, short).solved[0]
        assert task.check(instance, long).solved[0] == (not shortest)
        assert task.check(instance, long).score[0] == 7


@pytest.mark.parametrize("braid", [0.0, 1.0])
def test_a_consistent_random_walk_always_has_a_legal_edit(braid):
    mdp = PlanEditMDP(MazeTask(9), legal_actions="consistent", max_edits=10_000)
    rng = np.random.default_rng(1)
    states = mdp.initial(generate(9, 64, rng, braid))
    for _ in range(200):
        mask = mdp.action_mask(states)
        assert mask.any(axis=1).all()
        states = mdp.transition(states, (mask * rng.random(mask.shape)).argmax(axis=1)).successors


def test_groups_are_the_pairs_of_neighbours():
    pairs = {tuple(sorted(pair)) for pair in MazeTask(4).groups["edge"].tolist()}
    assert pairs == {tuple(sorted((cell, other))) for cell in range(16) for other in neighbours(cell, 4)}
    assert len(MazeTask(4).groups["edge"]) == len(pairs)


def test_token_types_tell_the_five_kinds_apart():
    instance = parse_mazes(["S.#..#..G"], 3)
    plan = np.array([[1, 1, 0, 0, 0, 0, 0, 0, 1]], np.int8)
    types = MazeTask(3).token_types(instance, plan)
    assert types.shape == (1, 9, 1) and types.dtype == np.int8
    assert types[0, :, 0].tolist() == [3, 2, 0, 1, 1, 0, 1, 1, 4]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("S......SG", "exactly one start, found 2"),
        ("S........", "exactly one goal, found 0"),
        ("SG.......", "adjacent"),
        ("S#.##...G", "no path"),
    ],
)
def test_bad_mazes_are_named(text, cause):
    good = "S.......G"
    with pytest.raises(ValueError, match=f"puzzle 2: .*{cause}"):
        MazeTask(3).validate(parse_mazes([good, text], 3))


@pytest.mark.parametrize("keywords", [{"size": 2}, {"violation_weight": -1.0}, {"dead_end_weight": -0.5}])
def test_bad_arguments_are_refused(keywords):
    with pytest.raises(ValueError, match=str(next(iter(keywords.values())))):
        MazeTask(**keywords)
