"""Best-first search: what it finds, what it spends, and that mistakes of its proposer cost calls, not solutions."""

from __future__ import annotations

import numpy as np
import pytest
from search_helpers import check_result, maze_solutions, mazes, sudokus

from trm_agents.solving import Proposal, search, uniform_proposer
from trm_agents.solving.expansion import LEAST_ALIVE, Nodes, believed
from trm_envs.maze.task import MazeTask
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.sudoku.solver import solve
from trm_envs.sudoku.task import SudokuTask

FREE_OF_LIMITS = {"threshold": 1.0, "log_floor": -np.inf}
SMALL = PlanEditMDP(SudokuTask(4))
LARGE = PlanEditMDP(SudokuTask(9))


class Guide:
    """Proposes by the right plan of an instance: `right` for the edits that write it; counts what it is asked."""

    def __init__(self, mdp, instances, plans, right, noise=0.0) -> None:
        self.task, self.right, self.noise = mdp.task, right, noise
        self.plans = {x.tobytes(): y for x, y in zip(instances, plans, strict=True)}
        self.asked: list[bytes] = []
        self.remaining: list[int] = []

    def __call__(self, states):
        self.asked += [x.tobytes() for x in states.instances]
        self.remaining += states.remaining_edits.tolist()
        goal = np.stack([self.plans[x.tobytes()] for x in states.instances])
        label = self.task.writes(states.plans) == goal[:, :, None]
        symbols = label.shape[2]
        wrong = (1 - self.right) / max(1, symbols - 1)
        out = np.where(label, self.right, wrong)
        for row, plan in enumerate(states.plans):
            # The noise is a function of the state alone.
            noise = np.random.default_rng(plan.view(np.uint8).astype(np.uint32)).random(label.shape[1:])
            out[row] = (1 - self.noise) * out[row] + self.noise * noise / symbols
        return Proposal(out)


def sudoku_guide(mdp, instances, right=0.999, noise=0.0):
    return Guide(mdp, instances, solve(instances)[0], right, noise)


@pytest.mark.parametrize("size", [4, 9])
def test_a_good_proposer_solves_in_one_call(size):
    mdp, instances = PlanEditMDP(SudokuTask(size)), sudokus(size, 20)
    found = search(mdp, instances, sudoku_guide(mdp, instances), budget=2)
    check_result(mdp, instances, found, 2)
    assert found.solved.all() and (found.calls == 1).all()
    np.testing.assert_array_equal(found.edits, (instances == 0).sum(axis=1))


@pytest.mark.parametrize("limits", [{}, FREE_OF_LIMITS])
def test_the_worst_proposer_costs_calls_not_solutions(limits):
    instances = sudokus(4, 20, blanks=(11, 12))
    guide = sudoku_guide(SMALL, instances, right=0.0)
    limits = {"log_floor": -np.inf, **limits}
    found = search(SMALL, instances, guide, budget=5000, keep_visits=True, **limits)
    check_result(SMALL, instances, found, 5000)
    assert found.solved.all() and found.calls.max() > 2
    # A plan comes back only with a smaller margin, and margins end at 1e-12.
    often = max(np.unique(visits, axis=0, return_counts=True)[1].max() for visits in found.visits)
    assert often <= (1 if limits.get("threshold") == 1.0 else 12)


def test_the_likeliest_plan_comes_first():
    instances = sudokus(9, 10, blanks="minimal")
    found = search(LARGE, instances, sudoku_guide(LARGE, instances, right=0.9), budget=60, keep_visits=True)
    assert found.solved.all() and found.calls.max() > 3
    for visits, plan in zip(found.visits, found.plans, strict=True):
        assert ((visits == 0) | (visits == plan)).all()


@pytest.mark.parametrize("noise", [0.3, 0.7, 1.0])
def test_noise_never_makes_a_wrong_plan_and_is_overcome(noise):
    instances = sudokus(9, 12, blanks=(45, 50))
    guide = sudoku_guide(LARGE, instances, noise=noise)
    short, found = search(LARGE, instances, guide, budget=3), search(LARGE, instances, guide, budget=2000)
    check_result(LARGE, instances, short, 3)
    check_result(LARGE, instances, found, 2000)
    assert found.solved.all()


def test_a_confident_mistake_is_taken_back():
    instances = sudokus(9, 6, blanks=(30, 35))
    right = sudoku_guide(LARGE, instances)
    blanks = [np.flatnonzero(x == 0)[0] for x in instances]

    def mistaken(states):
        # Sure of a wrong digit in one cell as long as that is blank.
        out = right(states).probabilities
        for row, x in enumerate(states.instances):
            number = next(i for i in range(len(instances)) if (instances[i] == x).all())
            if states.plans[row, blanks[number]] == 0:
                out[row, blanks[number]] = np.roll(out[row, blanks[number]], 1)
        return Proposal(out)

    found = search(LARGE, instances, mistaken, budget=50)
    check_result(LARGE, instances, found, 50)
    assert found.solved.all() and (found.calls > 1).any()


def test_the_budget_is_kept_and_every_call_is_counted():
    instances = sudokus(9, 8, blanks=(52, 56))
    for budget in (0, 1, 7, 30):
        guide = sudoku_guide(LARGE, instances, noise=1.0)
        found = search(LARGE, instances, guide, budget)
        assert [guide.asked.count(x.tobytes()) for x in instances] == found.calls.tolist()
        assert (found.calls[~found.solved] == budget).all()
        check_result(LARGE, instances, found, budget)
        assert (found.queries > 0).all() or budget == 0


def test_smaller_budgets_are_beginnings_of_larger_ones():
    instances = sudokus(9, 12, blanks="minimal")
    found = search(LARGE, instances, uniform_proposer(LARGE), 60)
    assert 0 < found.solved.sum() < 12
    for budget in (5, 20, 40):
        smaller = search(LARGE, instances, uniform_proposer(LARGE), budget)
        np.testing.assert_array_equal(smaller.solved, found.solved & (found.calls <= budget))
        np.testing.assert_array_equal(smaller.calls, np.minimum(found.calls, budget))


@pytest.mark.parametrize("width", [1, 3, 100])
def test_an_instance_is_searched_as_if_alone_and_the_same_every_time(width):
    instances = sudokus(9, 7, blanks=(50, 56))
    guide = sudoku_guide(LARGE, instances, noise=0.9)
    together = search(LARGE, instances, guide, 40, width=width, keep_visits=True)
    again = search(LARGE, instances, guide, 40, keep_visits=True)
    for i in range(len(instances)):
        alone = search(LARGE, instances[i : i + 1], guide, 40, keep_visits=True)
        for one in (together, again):
            for field in ("solved", "calls", "plans", "edits", "queries"):
                np.testing.assert_array_equal(getattr(one, field)[i], getattr(alone, field)[0])
            np.testing.assert_array_equal(one.visits[i], alone.visits[0])


def test_visits_are_the_plans_expanded():
    instances = sudokus(4, 5, blanks=(11, 12))
    found = search(SMALL, instances, uniform_proposer(SMALL), 50, keep_visits=True)
    for x, visits, calls in zip(instances, found.visits, found.calls, strict=True):
        assert visits.shape == (calls, 16) and visits.dtype == np.int8
        assert (visits[0] == x).all() and ((visits == x) | (x == 0)).all()
    assert search(SMALL, instances, uniform_proposer(SMALL), 50).visits is None


def test_no_network_solves_easy_puzzles():
    instances = sudokus(9, 20, blanks=(20, 30))
    found = search(LARGE, instances, uniform_proposer(LARGE), 20)
    check_result(LARGE, instances, found, 20)
    assert found.solved.all()


def test_uniform_proposals_are_even_over_the_values_of_a_cell():
    instances = sudokus(4, 2)
    proposed = uniform_proposer(SMALL)(SMALL.initial(instances)).probabilities
    expected = np.where(instances == 0, 1 / 5, 1 / 4)
    np.testing.assert_allclose(proposed, np.repeat(expected[:, :, None], 4, axis=2))
    mdp = PlanEditMDP(MazeTask(5))
    assert (uniform_proposer(mdp)(mdp.initial(mazes(5, 2))).probabilities == 0.5).all()


def unsolvable(count: int):
    """9x9 puzzles with one more given, which fits its row, column and box but not the only solution."""
    instances = sudokus(9, count, blanks=(50, 55))
    rng = np.random.default_rng(0)
    for x, plan in zip(instances, solve(instances)[0], strict=True):
        fitting = LARGE.task.action_mask(x[None], x[None], "consistent")[0].reshape(81, 9)
        fitting[np.arange(81), plan - 1] = False
        cell, symbol = rng.permutation(np.argwhere(fitting))[0]
        x[cell] = symbol + 1
    return instances


def test_instances_without_a_solution_end_the_search():
    instances = unsolvable(10)
    assert not solve(instances)[1].any()
    for limits in ({"log_floor": -np.inf}, FREE_OF_LIMITS):
        found = search(LARGE, instances, uniform_proposer(LARGE), 3000, **limits)
        assert not found.solved.any() and (found.calls < 3000).all() and found.calls.max() > 20


def test_nothing_is_asked_of_contradictory_or_solved_instances():
    contradictory, solved = np.zeros((2, 16), np.int8)
    contradictory[:2] = 1
    solved[:] = solve(np.zeros((1, 16), np.int8))[0][0]
    found = search(SMALL, np.stack([contradictory, solved]), uniform_proposer(SMALL))
    assert found.solved.tolist() == [False, True] and found.calls.tolist() == [0, 0]
    assert search(SMALL, np.zeros((0, 16), np.int8), uniform_proposer(SMALL)).solved.shape == (0,)


def test_no_plan_is_expanded_twice_but_with_a_smaller_margin():
    instances = unsolvable(6)
    uniform, pairs = uniform_proposer(LARGE), []
    for x in instances:
        fitting = LARGE.task.action_mask(x[None], x[None], "consistent")[0].reshape(81, 9)
        first = np.argwhere(fitting)[0]
        pairs.append((first, next(a for a in np.argwhere(fitting)[::-1] if a[1] != first[1])))

    def sure_of_two(states):
        # First of both cells together, then of the second alone, which leads to the same plan by two ways.
        out = np.array(uniform(states).probabilities)
        for row, x in enumerate(states.instances):
            pair = pairs[next(i for i in range(len(instances)) if (instances[i] == x).all())]
            for (cell, symbol), chance in zip(pair, (0.995, 0.9995), strict=True):
                if states.plans[row, cell] == 0:
                    out[row, cell] = (1 - chance) / 8
                    out[row, cell, symbol] = chance
        return Proposal(out)

    found = search(LARGE, instances, sure_of_two, 3000, log_floor=-np.inf, keep_visits=True)
    assert not found.solved.any() and (found.calls < 3000).all()
    for visits, x, (first, second) in zip(found.visits, instances, pairs, strict=True):
        both = x.copy()
        both[first[0]], both[second[0]] = first[1] + 1, second[1] + 1
        assert (visits == both).all(axis=1).sum() <= 1


def test_a_plan_out_of_reach_of_the_edit_budget_is_not_found():
    instances = sudokus(4, 10, blanks=(8, 8))
    for limit, solved in ((8, True), (7, False)):
        mdp = PlanEditMDP(SudokuTask(4), max_edits=limit)
        guide = sudoku_guide(mdp, instances, noise=0.8)
        found = search(mdp, instances, guide, 300)
        assert (found.solved == solved).all()
        assert min(guide.remaining) >= 1 and max(guide.remaining) == limit


def test_no_plan_is_expanded_that_spent_all_edits():
    instances, uniform = sudokus(9, 10, blanks="minimal"), uniform_proposer(LARGE)
    for limit in (1, 2, 3):
        asked = []

        def propose(states, asked=asked):
            asked.append(states.remaining_edits.min())
            return uniform(states)

        found = search(PlanEditMDP(SudokuTask(9), max_edits=limit), instances, propose, 200)
        assert min(asked) >= 1 and not found.solved.any() and (found.calls < 200).all()


def test_the_plan_found_is_played_by_single_edits():
    instances = sudokus(9, 5)
    found = search(LARGE, instances, uniform_proposer(LARGE), 500)
    assert found.solved.all()
    for x, plan, edits in zip(instances, found.plans, found.edits, strict=True):
        states = LARGE.initial(x[None])
        cells, symbols = np.nonzero(LARGE.task.writes(states.plans)[0] == plan[:, None])
        actions = [a for a in cells * 9 + symbols if plan[a // 9] != x[a // 9]]
        assert len(actions) == edits
        for number, action in enumerate(actions, start=1):
            done = LARGE.transition(states, np.array([action]))
            states = done.successors
            assert not done.invalid[0] and done.terminated[0] == (number == edits)
        assert done.checks.solved[0]


@pytest.mark.parametrize("shortest", [False, True])
@pytest.mark.parametrize("braid", [0.0, 0.5])
def test_mazes(braid, shortest):
    mdp, instances = PlanEditMDP(MazeTask(5, shortest=shortest), legal_actions="consistent"), mazes(5, 20, braid)
    found = search(mdp, instances, uniform_proposer(mdp), 3000)
    check_result(mdp, instances, found, 3000)
    assert found.solved.all()
    goals = [maze_solutions(mdp.task, x)[0] for x in instances]
    found = search(mdp, instances, Guide(mdp, instances, goals, right=0.999), 2)
    assert found.solved.all() and (found.calls == 1).all()
    noisy = search(mdp, instances, Guide(mdp, instances, goals, right=0.999, noise=0.8), 3000)
    check_result(mdp, instances, noisy, 3000)
    assert noisy.solved.all() and noisy.calls.max() > 1


def test_arguments_and_answers_are_checked():
    instances, uniform = sudokus(4, 2), uniform_proposer(SMALL)
    for keywords in ({"budget": -1}, {"width": 0}, {"threshold": 0.5}, {"threshold": 1.1}, {"log_floor": 0.1}):
        with pytest.raises(ValueError, match=f"{next(iter(keywords))} .*must be|must be .*{next(iter(keywords))}"):
            search(SMALL, instances, uniform, **keywords)
    with pytest.raises(ValueError, match=r"shape \(2, 16, 4\), got \(2, 16\)"):
        search(SMALL, instances, lambda states: Proposal(uniform(states).probabilities[:, :, 0]))
    with pytest.raises(ValueError, match=r"alive .* shape \(2,\), got \(2, 1\)"):
        search(SMALL, instances, lambda states: Proposal(uniform(states).probabilities, np.ones((2, 1))))
    for bad in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match=r"probabilities .* within 0 and 1"):
            search(SMALL, instances, lambda states, bad=bad: Proposal(np.full((len(states.plans), 16, 4), bad)))
        with pytest.raises(ValueError, match=r"alive .* within 0 and 1"):
            search(SMALL, instances, lambda states, bad=bad: Proposal(uniform(states).probabilities, np.full(2, bad)))


def test_plans_that_are_believed_lost_wait():
    instances, uniform = sudokus(9, 30, blanks="minimal"), uniform_proposer(LARGE)
    goals = solve(instances)[0]

    def knowing(alive, dead):
        def propose(states):
            rows = [int(np.flatnonzero((instances == x).all(axis=1))[0]) for x in states.instances]
            right = ((states.plans == 0) | (states.plans == goals[rows])).all(axis=1)
            return Proposal(uniform(states).probabilities, np.where(right, alive, dead))

        return propose

    plain, told = search(LARGE, instances, uniform, 3000), search(LARGE, instances, knowing(1.0, 0.0), 3000)
    assert plain.solved.all() and told.solved.all()
    assert told.calls.sum() < plain.calls.sum() and (told.calls <= plain.calls).mean() > 0.8
    # A value that says the same of all plans costs nothing but the order, and no solution.
    assert all(search(LARGE, instances, knowing(same, same), 3000).solved.all() for same in (0.0, 1.0))


def test_how_a_plan_came_about_plays_no_part_where_its_value_is_known():
    nodes = Nodes(
        *(np.zeros((2, 16), kind) for kind in (np.int8, np.int8, np.bool_)), np.array([-9.0, -0.5]), np.ones(2)
    )
    proposal = Proposal(np.zeros((2, 16, 4)), np.array([0.5, 0.0], np.float32))
    assert believed(nodes, proposal).log_probabilities == pytest.approx([np.log(0.5), np.log(LEAST_ALIVE)])
    assert believed(nodes, Proposal(np.zeros((2, 16, 4)))) is nodes


def test_a_search_for_all_solutions_finds_all_solutions():
    task, found = MazeTask(5), []
    mdp, instances = PlanEditMDP(task), mazes(5, 12, braid=1.0)
    result = search(mdp, instances, uniform_proposer(mdp), 100_000, solutions=100_000, **FREE_OF_LIMITS)
    for instance, plans in zip(instances, result.found, strict=True):
        expected = {plan.tobytes() for plan in maze_solutions(task, instance)}
        assert {plan.tobytes() for plan in plans} == expected and len(plans) == len(expected)
        found.append(len(plans))
    assert max(found) > 2
    first = search(mdp, instances, uniform_proposer(mdp), 100_000, **FREE_OF_LIMITS)
    assert [len(plans) for plans in first.found] == [1] * len(instances)
    assert np.array_equal(first.plans, result.plans) and (first.calls <= result.calls).all()


def test_the_number_of_solutions_must_be_positive():
    with pytest.raises(ValueError, match="solutions at least 1"):
        search(SMALL, sudokus(4, 1), uniform_proposer(SMALL), solutions=0)
