"""Graph colouring: the checker by brute force, classical solvers, keys of graphs, text, environments."""

from __future__ import annotations

import itertools
import pickle
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.registry import LINES
from benchmarks.protocol.evaluation import evaluate
from benchmarks.protocol.suites import pool
from trm_envs import pools
from trm_envs.building.table import POOLS
from trm_envs.colouring.env import GraphColouringPlanEditEnv, GraphColouringPlanEditVectorEnv, colouring_problem
from trm_envs.colouring.generator import generate, usual_edges
from trm_envs.colouring.pool import ColouringPool
from trm_envs.colouring.solver import colour as colour_all
from trm_envs.colouring.solver import dsatur, forced, solve, tabu
from trm_envs.colouring.sources import training_graphs
from trm_envs.colouring.symmetry import graph_keys
from trm_envs.colouring.task import GraphColouringTask
from trm_envs.colouring.text import format_graphs, parse_graphs
from trm_envs.pools.source import split_of_key
from trm_envs.reading import OnlyValid
from trm_envs.testing import check_task
from trm_envs.wrappers import FlatObservation, OneHotObservation, PlanesObservation

PETERSEN = [(i, (i + 1) % 5) for i in range(5)] + [(i, i + 5) for i in range(5)]
PETERSEN += [(5 + i, 5 + (i + 2) % 5) for i in range(5)]
COLOURINGS = {name: source for name, source in POOLS.items() if isinstance(source, ColouringPool)}


def matrix(n, edges):
    """The instance of a graph, shape (1, n * n)."""
    graph = np.zeros((n, n), np.int8)
    for u, v in edges:
        graph[u, v] = graph[v, u] = 1
    return graph.reshape(1, -1)


def random_graph(n, share, rng):
    return matrix(n, [pair for pair in itertools.combinations(range(n), 2) if rng.random() < share])


def conflicts(instance, plan):
    n = len(plan)
    return sum(bool(instance[u * n + v]) and plan[u] == plan[v] > 0 for u, v in itertools.combinations(range(n), 2))


def colourings(instance, n, colours):
    """All proper colourings, by trying every plan."""
    plans = itertools.product(range(1, colours + 1), repeat=n)
    return [plan for plan in plans if conflicts(instance, plan) == 0]


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 7), st.integers(2, 4), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_the_checker_counts_what_a_loop_over_edges_counts(n, colours, share, seed):
    rng = np.random.default_rng(seed)
    task, instance = GraphColouringTask(n, colours), random_graph(n, share, rng)
    plan = rng.integers(0, colours + 1, (1, n)).astype(np.int8)
    checks = task.check(instance, plan)
    beside = [{plan[0, u] for u in range(n) if instance[0, v * n + u]} - {0} for v in range(n)]
    dead = sum(plan[0, v] == 0 and len(beside[v]) == colours for v in range(n))
    assert checks.violations[0] == conflicts(instance[0], plan[0])
    assert checks.dead_ends[0] == dead and checks.filled[0] == (plan > 0).sum()
    assert checks.score[0] == (plan > 0).sum() - 2 * checks.violations[0] - 5 * dead
    assert checks.solved[0] == ((plan > 0).all() and checks.violations[0] == 0)
    fits = [[colour not in beside[v] for colour in range(1, colours + 1)] for v in range(n)]
    assert task.action_mask(instance, plan, "consistent").tolist() == [np.ravel(fits).tolist()]
    table = task.neighbours(instance)[0]
    graph = instance.reshape(n, n)
    assert [row[row >= 0].tolist() for row in table] == [np.flatnonzero(row).tolist() for row in graph]


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 6), st.integers(2, 4), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_the_exact_solver_decides_as_brute_force_does(n, colours, share, seed):
    instance = random_graph(n, share, np.random.default_rng(seed))
    plans, found = solve(instance, colours)
    possible = colourings(instance[0], n, colours)
    assert found[0] == bool(possible)
    if possible:
        assert tuple(plans[0].tolist()) in possible
        tried, judged = tabu(instance, colours, 2_000, np.random.default_rng(seed))
        assert tuple(tried[0].tolist()) in possible and 1 <= judged[0] <= 2_000
    greedy = dsatur(instance, colours)[0]
    assert conflicts(instance[0], greedy) == 0 and ((greedy > 0).all() <= bool(possible))


def test_chromatic_numbers_that_are_known():
    complete = matrix(5, itertools.combinations(range(5), 2))
    odd, even = (matrix(n, [(i, (i + 1) % n) for i in range(n)]) for n in (7, 8))
    for instance, chromatic in ((complete, 5), (odd, 3), (even, 2), (matrix(10, PETERSEN), 3)):
        assert [int(solve(instance, k)[1][0]) for k in range(2, 6)] == [int(k >= chromatic) for k in range(2, 6)]
    assert solve(matrix(10, PETERSEN), 3, most=1)[1][0] == -1
    # DSATUR is exact on bipartite graphs (Brelaz 1979).
    assert (dsatur(even, 2) > 0).all()


def test_tabu_keeps_to_its_budget_and_returns_the_best_plan():
    complete = matrix(6, itertools.combinations(range(6), 2))
    plans, judged = tabu(complete, 3, 500, np.random.default_rng(0))
    # Six vertices in three classes of two: no fewer than three conflicts.
    assert judged[0] == 500 and conflicts(complete[0], plans[0]) == 3
    again, _ = tabu(complete, 3, 500, np.random.default_rng(0))
    assert np.array_equal(plans, again)


@pytest.mark.parametrize("kind", ["random", "planted"])
def test_generated_graphs_are_simple_near_the_threshold_and_colourable(kind):
    graphs = generate(20, 3, kind, 50, np.random.default_rng(3))
    squares = graphs.reshape(-1, 20, 20)
    assert np.array_equal(squares, squares.swapaxes(1, 2)) and not squares.diagonal(axis1=1, axis2=2).any()
    edges, (least, most) = graphs.sum(1) // 2, usual_edges(20, 3)
    assert edges.min() >= least and edges.max() <= most and len(set(edges.tolist())) > 1
    assert (solve(graphs, 3)[1] == 1).all()
    again = generate(20, 3, kind, 50, np.random.default_rng(3))
    assert np.array_equal(graphs, again)
    assert (generate(20, 3, kind, 4, np.random.default_rng(0), (5, 5)).sum(1) == 10).all()


def test_keys_do_not_depend_on_the_order_of_vertices_and_tell_graphs_apart():
    rng = np.random.default_rng(0)
    graphs = generate(20, 3, "random", 200, rng)
    order = rng.permutation(20)
    renumbered = graphs.reshape(-1, 20, 20)[:, order][:, :, order].reshape(200, -1)
    assert graph_keys(graphs) == graph_keys(renumbered)
    assert len(set(graph_keys(graphs))) == len(np.unique(graphs, axis=0))
    moved = graphs.copy().reshape(-1, 20, 20)
    u, v = np.argwhere(moved[0])[0]
    moved[0, u, v] = moved[0, v, u] = 0
    assert graph_keys(moved.reshape(200, -1))[0] != graph_keys(graphs)[0]


def test_graph6_is_that_of_its_definition():
    # The example of McKay's description: five vertices, edges 0-2, 0-4, 1-3, 3-4.
    example = matrix(5, [(0, 2), (0, 4), (1, 3), (3, 4)])
    assert format_graphs(example) == ["DQc"]
    assert np.array_equal(parse_graphs(["DQc"], 5), example)
    large = generate(100, 5, "planted", 2, np.random.default_rng(0))
    assert np.array_equal(parse_graphs(format_graphs(large), 100), large)
    with pytest.raises(ValueError, match=r"lines, line 2: no graph6 of 5 vertices"):
        parse_graphs(["DQc", "DQ"], 5)


@pytest.mark.parametrize("name", COLOURINGS)
def test_shipped_graphs_are_as_recorded_and_as_their_seed_says(name):
    source = COLOURINGS[name]
    for split in ("validation", "test"):
        lines, entry = pools.load(name, split), pools.manifest()[name]["splits"][split]
        keys = graph_keys(parse_graphs(lines, source.size))
        assert len(set(keys)) == len(lines) == entry["count"] == source.sizes[split]
        assert {split_of_key(key) for key in keys} == {split}
        if source.size < 100:
            assert entry["exact"] == entry["count"] and source.problems(lines) == []
    if source.size == 20:
        for split, lines in replace(source, validation=6, test=9).generate().items():
            assert tuple(lines) == pools.load(name, split)[: len(lines)]


def test_training_graphs_are_none_of_the_pools():
    graphs = training_graphs(20, 3, "random", 100, np.random.default_rng(1))
    assert len(graphs) == 100 and {split_of_key(key) for key in graph_keys(graphs)} == {"train"}


def test_the_verifier_names_what_is_wrong():
    source = COLOURINGS["colouring-20-k3-random"]
    good = pools.load(source.name, "test")[0]
    clique = format_graphs(matrix(20, itertools.combinations(range(4), 2)))[0]
    problems = source.problems([good, clique, good])
    assert problems == [
        "line 2: 3 colours do not suffice for it: take more colours, or leave it out",
        "1 lines repeat another one",
    ]


def test_a_task_keeps_its_word():
    graphs = generate(6, 3, "random", 5, np.random.default_rng(0))
    check_task(GraphColouringTask(6, 3), graphs)
    large = generate(20, 3, "planted", 3, np.random.default_rng(0))
    check_task(GraphColouringTask(20, 3), large, solutions=solve(large, 3)[0])


class Lopsided(GraphColouringTask):
    """Names a neighbour that does not name it."""

    def neighbours(self, instances):
        table = super().neighbours(instances)
        table[:, 0, 0] = table[:, 0, 0].max() if (table[:, 0, 0] < 0).all() else -1
        return np.sort(table, axis=2)[:, :, ::-1].copy()


def test_check_task_finds_neighbours_that_are_not_mutual():
    with pytest.raises(AssertionError, match="neighbours, instance 1: a neighbour twice, or one that is not mutual"):
        check_task(Lopsided(6, 3), generate(6, 3, "random", 2, np.random.default_rng(0)))


def test_an_environment_begins_without_colours_and_ends_solved():
    env = gym.make("GraphColouringPlanEdit-20-k3-v0", split="validation").unwrapped
    observation, info = env.reset(seed=0)
    assert not observation["plan"].any() and info["action_mask"].all() and info["violations"] == 0
    plan = solve(observation["instance"][None], 3)[0][0]
    for vertex, colour in enumerate(plan.tolist()):
        observation, reward, terminated, _, info = env.step(3 * vertex + colour - 1)
    assert terminated and info["is_success"] and np.array_equal(observation["plan"], plan)
    assert reward == 1 - 19, "the plan before had 19 colours, and the potential ends at 0"


@pytest.mark.parametrize("kind", ["random", "planted"])
def test_a_vector_environment_equals_single_ones(kind):
    vector = GraphColouringPlanEditVectorEnv(3, 20, 3, kind=kind, autoreset_mode="NextStep")
    singles = [GraphColouringPlanEditEnv(20, 3, kind=kind) for _ in range(3)]
    seen, _ = vector.reset(seed=7)
    alone = [env.reset(seed=7 + i)[0] for i, env in enumerate(singles)]
    rng = np.random.default_rng(0)
    for _ in range(15):
        for key in seen:
            assert np.array_equal(seen[key], np.stack([one[key] for one in alone]))
        actions = rng.integers(60, size=3)
        seen, rewards, *_ = vector.step(actions)
        steps = [env.step(action) for env, action in zip(singles, actions, strict=True)]
        alone = [step[0] for step in steps]
        assert rewards.tolist() == [step[1] for step in steps]


def test_curriculum_and_kind_choose_the_training_graphs():
    problem = colouring_problem(20, 3, curriculum=[(10, 15), (30, None)])
    instance, _ = problem.source.draw(np.random.default_rng(0))
    assert 20 <= instance.sum() <= 30
    for curriculum in ([(0, 4)], [(9, 400)], [(9, 8)]):
        with pytest.raises(ValueError, match=r"a stage of curriculum is a range of the number of edges within 1\.\."):
            colouring_problem(20, 3, curriculum=curriculum)
    with pytest.raises(ValueError, match="kind must be one of random, planted, got 'dense'"):
        colouring_problem(20, 3, kind="dense")
    with pytest.raises(ValueError, match="not for 20 and 4: give puzzles"):
        colouring_problem(20, 4, split="test")


DIMACS = "c a pentagon\np edge 5 5\ne 1 2\ne 2 3\ne 3 4\ne 4 5\ne 5 1\n"
PENTAGON = matrix(5, [(i, (i + 1) % 5) for i in range(5)])[0]


def read(puzzles, size=5, colours=3):
    return colouring_problem(size, colours, puzzles=puzzles).source.instances


def test_graphs_of_ones_own_in_every_form(tmp_path):
    for name, text in (("a.col", DIMACS), ("a.g6", format_graphs(PENTAGON[None])[0] + "\n")):
        (tmp_path / name).write_text(text)
        assert np.array_equal(read(str(tmp_path / name)), PENTAGON[None])
    np.save(tmp_path / "a.npy", PENTAGON.reshape(1, 5, 5))
    rows = "\n".join("".join(map(str, row)) for row in PENTAGON.reshape(5, 5).tolist())
    for form in (DIMACS, format_graphs(PENTAGON[None]), PENTAGON[None], tmp_path / "a.npy", rows):
        assert np.array_equal(read(form), PENTAGON[None])
    padded = read(DIMACS, size=7)[0].reshape(7, 7)
    assert np.array_equal(padded[:5, :5].ravel(), PENTAGON) and not padded[5:].any()
    env = GraphColouringPlanEditEnv(5, 3)
    assert np.array_equal(env.reset(options={"puzzle": PENTAGON.reshape(5, 5)})[0]["instance"], PENTAGON)


def test_reference_lines_keep_their_order_and_say_what_they_judged():
    found = pool("GraphColouringPlanEdit-20-k3-v0", {}, "validation").chosen(np.arange(40))
    names = ("singles", "dsatur", "tabu", "solver", "checker_greedy")
    results = {}
    for name in names:
        assert LINES[name].supports("GraphColouringPlanEdit-20-k3-v0")
        results[name] = evaluate(LINES[name].agent(found.mdp, np.random.default_rng(0)), *found)
    assert np.array_equal(results["dsatur"].solved, (dsatur(found.instances, 3) > 0).all(1))
    assert results["solver"].success == 1 and (results["solver"].edits == 20).all()
    assert 0 < results["checker_greedy"].success < results["dsatur"].success < 1
    # Tabu search may judge what the one-step lookahead may, and stops when it is done.
    judged = results["tabu"].checks
    assert (judged >= 1).all() and (judged <= 40 * 60).all() and results["tabu"].success > results["dsatur"].success
    assert not LINES["dsatur"].supports("SudokuPlanEdit-9x9-v0") and not LINES["tabu"].supports("MazePlanEdit-5x5-v0")


def test_forced_colours_are_those_without_a_choice():
    triangle = matrix(5, [(0, 1), (1, 2), (0, 2), (2, 3)])
    plan = forced(triangle, 3)[0]
    # The triangle up to names; its fourth neighbour and the lonely vertex have a choice.
    assert sorted(plan[:3]) == [1, 2, 3] and plan[3:].tolist() == [0, 0]
    assert forced(triangle, 4)[0].tolist()[4] == 0
    wheel = matrix(5, [(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (2, 3), (3, 4), (4, 1)])
    assert tuple(forced(wheel, 3)[0].tolist()) in colourings(wheel[0], 5, 3)
    assert colour_all(matrix(4, itertools.combinations(range(4), 2)), 3).tolist() == [[0, 0, 0, 0]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (DIMACS.replace("e 5 1\n", ""), "4 edges of the 5 that it announces: is the file whole"),
        (DIMACS.replace("e 5 1", "e 5 1 2"), "'e 5 1 2' is no edge of two vertices"),
        (DIMACS.replace("e 5 1", "e 5 -1"), "'e 5 -1' is no edge of two vertices"),
        (DIMACS.replace("e 5 1", "e 5 1 x"), "'e 5 1 x' is no edge of two vertices"),
        (DIMACS.replace("e 5 1", "f 5 1"), "'f 5 1' is no line of a DIMACS graph"),
        (DIMACS.replace("p edge 5 5", "p edge -5 5"), "'p edge -5 5' is no graph"),
        (DIMACS.replace("p edge 5 5", "p edge 4 5"), r"'e 4 5' is no edge of two vertices within 1\.\.4"),
        (DIMACS + DIMACS, "'p edge 5 5' begins another graph"),
        ("e 1 2\n" + DIMACS, r"'e 1 2' is no edge of two vertices within 1\.\.0, `e U V` after `p`"),
        (["DQc", "DQ\xe9"], "line 2: no graph6 of 5 vertices"),
        (["DQc", "DQ "], "line 2: no graph6 of 5 vertices"),
        (["DQd"], "line 1: no graph6 of 5 vertices"),
        ("DQc\nc\nDQc\n", "symbol"),
    ],
)
def test_a_damaged_graph_is_not_read_as_another(text, message):
    with pytest.raises(ValueError, match=message):
        read(text)


def test_a_dimacs_graph_may_list_each_edge_in_both_directions():
    both = DIMACS + "".join(f"e {v} {u}\n" for _, u, v in map(str.split, DIMACS.splitlines()[2:]))
    for count in (5, 10):
        assert np.array_equal(
            read(both.replace("p edge 5 5", f"p edge 5 {count}") + "n 1 7\nc\tlast\n"), PENTAGON[None]
        )


def test_what_is_wrong_with_a_graph_is_named():
    loop, oneway = PENTAGON.copy(), PENTAGON.copy()
    loop[0], oneway[1] = 1, 0
    skipped: list[str] = []
    for puzzles, message in (
        (DIMACS.replace("e 5 1", "e 5 9"), r"'e 5 9' is no edge of two vertices within 1\.\.5"),
        (DIMACS.replace("p edge 5 5", "p edge 50 5"), "no graph of at most 5 vertices: choose an environment"),
        (loop[None], "vertex 1 is joined to itself: leave out the loop"),
        (oneway[None], "the matrix is not symmetric: row 1, column 2 differs from row 2, column 1"),
        (OnlyValid(loop[None], skipped), "holds no graph of 5 vertices"),
    ):
        with pytest.raises(ValueError, match=message):
            read(puzzles)
    assert len(skipped) == 1 and "leave out the loop" in skipped[0]
    with pytest.raises(ValueError, match="2 colours do not suffice for it"):
        read(PENTAGON[None], colours=2)
    with pytest.raises(ValueError, match=r"colours must be within 2\.\.9, got 10"):
        GraphColouringTask(5, 10)


def test_other_forms_of_the_observation_have_the_sizes_of_instance_and_plan():
    env = gym.make("GraphColouringPlanEdit-20-k3-v0")
    assert OneHotObservation(env).reset(seed=0)[0].shape == (400 * 2 + 20 * 4 + 1,)
    assert FlatObservation(env).reset(seed=0)[0].shape == (400 + 20 + 1,)
    with pytest.raises(ValueError, match="they are no planes of one grid; use OneHotObservation"):
        PlanesObservation(env)
    assert pickle.loads(pickle.dumps(env.unwrapped.mdp.task)).has_graphs
