"""Hindsight: labels against enumeration, what the memory keeps and what searches add to it."""

import pickle
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trm_agents import Search
from trm_agents.common.rollout import Rollout
from trm_agents.hindsight.memory import GOALS_KEPT, HindsightMemory, edit_labels, nearest
from trm_agents.solving import uniform_proposer
from trm_envs.maze.task import MazeTask
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.spaces import observe
from trm_envs.sudoku.env import sudoku_problem
from trm_envs.sudoku.solver import solve
from trm_envs.sudoku.task import SudokuTask

PUZZLE = np.array([1, 0, 0, 0, 0, 0, 3, 0, 0, 4, 0, 0, 0, 0, 0, 2], np.int8)
GOAL = solve(PUZZLE[None])[0][0]


def plans_of(rng, count=6):
    """Random plans on the puzzle: blanks, right and wrong digits."""
    plans = np.repeat(PUZZLE[None], count, axis=0)
    drawn = np.where(rng.random(plans.shape) < 0.4, GOAL, rng.integers(0, 5, plans.shape)).astype(np.int8)
    return np.where(plans > 0, plans, drawn)


def best_return(mdp, instance, plan, remaining, goal):
    """Undiscounted-path oracle: the discounted r0 of repairing wrong cells one after the other, by the MDP itself."""
    states = PlanStates(instance[None], plan[None], np.array([remaining], np.int32))
    total, discount = 0.0, 1.0
    for cell in np.flatnonzero(plan != goal):
        move = mdp.transition(states, np.array([cell * 4 + goal[cell] - 1]))
        total += discount * float(move.rewards[0])
        discount *= mdp.gamma
        states = move.successors
    assert move.checks.solved[0]
    return total


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_the_return_of_every_edit_is_gamma_to_the_repairs_it_leaves(seed):
    """In the unshaped MDP, Q_hindsight(s, a) = gamma^m' with m' = m - 1 + miss(a), for every edit of every cell."""
    mdp = PlanEditMDP(SudokuTask(4), shaping=False)
    plan = plans_of(np.random.default_rng(seed), 1)[0]
    label = edit_labels(mdp.task, plan[None], GOAL[None])[0]
    differs = plan != GOAL
    for cell, symbol in product(np.flatnonzero(PUZZLE == 0), range(4)):
        after = plan.copy()
        after[cell] = symbol + 1
        left = int(differs.sum()) - int(differs[cell]) + int(not label[cell, symbol])
        assert left == int((after != GOAL).sum())
        if left:
            assert best_return(mdp, PUZZLE, after, 16, GOAL) == pytest.approx(mdp.gamma ** (left - 1))


def test_potential_shaping_cancels_from_the_values_of_repairing():
    """With U = V_0 - Phi, shaped returns of the repair path differ from unshaped ones by Phi of the state alone."""
    plain, shaped = (PlanEditMDP(SudokuTask(4), shaping=shaping) for shaping in (False, True))
    for plan in plans_of(np.random.default_rng(3), 8):
        if (plan == GOAL).all():
            continue
        phi = shaped.task.check(PUZZLE[None], plan[None]).score[0]
        without = best_return(plain, PUZZLE, plan, 16, GOAL)
        assert best_return(shaped, PUZZLE, plan, 16, GOAL) == pytest.approx(without - phi)


def test_toggling_repairs_where_the_marks_differ():
    task = MazeTask(5)
    plans, goals = np.random.default_rng(0).integers(0, 2, (2, 4, 25), np.int8)
    assert np.array_equal(edit_labels(task, plans, goals)[:, :, 0], plans != goals)


def rollout_of(mdp, episodes, instance=PUZZLE):
    """A rollout of one environment that plays these lists of actions on the instance, one after the other."""
    steps = sum(map(len, episodes))
    rollout = Rollout(steps, 1)
    for actions in episodes:
        states = mdp.initial(instance[None])
        for action in actions:
            move = mdp.transition(states, np.array([action]))
            nothing = np.zeros(1, np.bool_), np.zeros(1)
            rollout.add(observe(states), np.array([action]), move.rewards.astype(np.float32), move.terminated, *nothing)
            states = move.successors
    return rollout


def right_actions():
    return [int(cell * 4 + GOAL[cell] - 1) for cell in np.flatnonzero(PUZZLE == 0)]


def test_solved_episodes_are_kept_with_what_solved_them():
    mdp = PlanEditMDP(SudokuTask(4))
    memory = HindsightMemory(mdp, 1, 100)
    memory.add(rollout_of(mdp, [right_actions()]), np.random.default_rng(0))
    assert memory.size == 12 and memory.queries == 1
    sample = memory.sample(200, np.random.default_rng(1))
    assert (sample.goals == GOAL).all() and (sample.states.instances == PUZZLE).all()
    missing = (sample.states.plans != GOAL).sum(1)
    assert set(missing) == set(range(1, 13))
    assert (sample.states.remaining_edits >= missing).all() and (sample.states.remaining_edits <= 16).all()
    assert len(set(sample.states.remaining_edits)) > 5


def test_plans_of_a_failure_wait_for_a_success():
    mdp = PlanEditMDP(SudokuTask(4))
    memory, rng = HindsightMemory(mdp, 1, 100), np.random.default_rng(0)
    wrong = int(1 * 4 + GOAL[1] % 4)
    memory.add(rollout_of(mdp, [[wrong] * 16]), rng)
    assert memory.size == 0
    memory.add(rollout_of(mdp, [right_actions()]), rng)
    assert memory.size == 12 + 16


def test_episodes_of_several_environments_are_told_apart():
    """One solves its puzzle, in the middle of a rollout in which two others fail at it."""
    mdp = PlanEditMDP(SudokuTask(4))
    wrong = int(1 * 4 + GOAL[1] % 4)
    solved, failed = rollout_of(mdp, [right_actions()]), rollout_of(mdp, [[wrong] * 16])
    both = Rollout(16, 3)
    for name, values in solved.observations.items():
        both.observations[name] = np.repeat(failed.observations[name], 3, axis=1)
        both.observations[name][:12, 1:2] = values
    both.actions, both.terminated = (np.repeat(array, 3, axis=1) for array in (failed.actions, failed.terminated))
    both.actions[:12, 1:2], both.terminated[:12, 1:2] = solved.actions, solved.terminated
    memory = HindsightMemory(mdp, 3, 100)
    memory.add(both, np.random.default_rng(0))
    # The solver's own 12 states at once; the failures end later and wait.
    assert memory.size == 12 and len(memory._waiting) == 1
    kept = memory._kept[1][:12]
    assert np.array_equal(kept, solved.observations["plan"][:, 0].reshape(12, 16))


def test_an_episode_continues_in_the_next_rollout_but_not_after_a_restart():
    mdp = PlanEditMDP(SudokuTask(4))
    whole = rollout_of(mdp, [right_actions()])
    for restart, size in ((False, 12), (True, 7)):
        memory = HindsightMemory(mdp, 1, 100)
        for part in (slice(0, 5), slice(5, 12)):
            piece = Rollout(part.stop - part.start, 1)
            piece.observations = {key: value[part] for key, value in whole.observations.items()}
            piece.actions, piece.terminated = whole.actions[part], whole.terminated[part]
            memory.add(piece, np.random.default_rng(0))
            if restart and part.start == 0:
                memory.restart(1)
        assert memory.size == size


def test_the_oldest_states_give_way():
    mdp = PlanEditMDP(SudokuTask(4))
    memory = HindsightMemory(mdp, 1, 5)
    for value in range(1, 5):
        memory.keep(PUZZLE, np.full((3, 16), value, np.int8), GOAL[None])
    assert memory.size == 5
    plans = memory.sample(500, np.random.default_rng(0)).states.plans[:, 0]
    assert {value: (plans == value).mean() > 0.5 for value in set(plans)} == {3: False, 4: True}


LOOP = np.array([2, 0, 0, 0, 1, 0, 0, 0, 3], np.int8)
"""A 3x3 maze with start and goal in opposite corners and a wall in the middle: two ways round it."""
WAYS = np.array([[1, 1, 1, 0, 0, 1, 0, 0, 1], [1, 0, 0, 1, 0, 0, 1, 1, 1]], np.int8)


def test_plans_are_repaired_to_the_nearest_goal():
    """Half way round the loop, the way that was begun is nearer."""
    plans = np.repeat((LOOP >= 2).astype(np.int8)[None], 3, axis=0)
    plans[1, 1] = plans[2, 3] = 1
    assert np.array_equal(nearest(plans, WAYS), WAYS[[0, 0, 1]])
    assert np.array_equal(nearest(plans, WAYS[::-1]), WAYS[[1, 0, 1]])


def test_goals_found_earlier_are_remembered():
    memory = HindsightMemory(PlanEditMDP(MazeTask(3)), 1, 100)
    plan = (LOOP >= 2).astype(np.int8)
    plan[1] = 1
    memory.keep(LOOP, plan[None], WAYS[:1])
    memory.keep(LOOP, plan[None], WAYS[1:])
    sample = memory.sample(50, np.random.default_rng(0))
    assert np.array_equal(sample.goals, np.repeat(WAYS[:1], 50, axis=0))
    many = np.unique(np.random.default_rng(0).integers(0, 2, (3 * GOALS_KEPT, 9), np.int8), axis=0)
    assert np.array_equal(memory._known(LOOP, many), many[:GOALS_KEPT])
    assert np.array_equal(memory._known(LOOP, many[:3]), many[:GOALS_KEPT])


def test_a_search_may_look_for_several_solutions():
    mdp = PlanEditMDP(MazeTask(3))
    for solutions, known in ((1, 1), (5, 2)):
        memory, rng = HindsightMemory(mdp, 1, 100), np.random.default_rng(0)
        memory._wait(LOOP, mdp.initial(LOOP[None]).plans, rng)
        assert memory.search(uniform_proposer(mdp), Search(1, 50, solutions)) == 1.0
        assert len(memory._goals[LOOP.tobytes()]) == known
        sample = memory.sample(200, rng)
        assert mdp.task.check(sample.states.instances, sample.goals).solved.all()
        differing = (sample.states.plans[:, None] != WAYS).sum(2)
        if known == 2:
            assert np.array_equal((sample.states.plans != sample.goals).sum(1), differing.min(1))


@pytest.mark.parametrize("solutions", [1, 5])
def test_solved_instances_are_searched_for_other_ways_where_several_are_asked_for(solutions):
    """An episode goes one way round the loop; states that are nearer to the other are labelled with it from then on."""
    mdp = PlanEditMDP(MazeTask(3))
    memory, rng = HindsightMemory(mdp, 1, 200), np.random.default_rng(0)
    memory.add(rollout_of(mdp, [np.flatnonzero(WAYS[0] & (LOOP == 0))], LOOP), rng)
    half = (LOOP >= 2).astype(np.int8)
    half[3] = 1
    memory.keep(LOOP, half[None], WAYS[:1])
    queries = memory.queries
    searched, settings = solutions > 1, Search(3, 50, solutions)
    assert memory.search(uniform_proposer(mdp), settings) == float(searched)
    assert (memory.queries > queries) == searched
    sample = memory.sample(300, rng)
    drawn = sample.goals[(sample.states.plans == half).all(1)]
    assert len(drawn) and np.array_equal(drawn, np.repeat(WAYS[[int(searched)]], len(drawn), axis=0))
    assert memory.search(uniform_proposer(mdp), settings) == 0.0, "once is enough"


def test_memory_pickles_with_all_it_knows():
    mdp = PlanEditMDP(SudokuTask(4))
    memory = HindsightMemory(mdp, 1, 100)
    memory.add(rollout_of(mdp, [[3] * 16, right_actions(), [5] * 16]), np.random.default_rng(0))
    again = pickle.loads(pickle.dumps(memory))
    a, b = (m.sample(50, np.random.default_rng(4)) for m in (memory, again))
    assert np.array_equal(a.states.plans, b.states.plans) and np.array_equal(a.goals, b.goals)
    for m in (memory, again):
        m.add(rollout_of(mdp, [right_actions()]), np.random.default_rng(5))
    assert memory.size == again.size and memory.next == again.next
    assert np.array_equal(memory._kept, again._kept)
    assert {k: v.tolist() for k, v in memory._goals.items()} == {k: v.tolist() for k, v in again._goals.items()}


def test_failed_instances_are_searched_in_the_model_those_that_wait_longest_first():
    mdp, source = sudoku_problem(4, split="train", blanks="minimal")
    memory, rng = HindsightMemory(mdp, 1, 1000), np.random.default_rng(0)
    instances = np.stack([source.sample(rng) for _ in range(3)])
    for instance in instances:
        memory._wait(instance, instance[None], rng)
    assert memory.search(uniform_proposer(mdp), Search(2, 200)) == 1.0 and memory.queries > 0
    assert list(memory._waiting) == [instances[2].tobytes()]
    sample = memory.sample(100, rng)
    assert mdp.task.check(sample.states.instances, sample.goals).solved.all()
    assert {instance.tobytes() for instance in sample.states.instances} == {x.tobytes() for x in instances[:2]}


def test_what_a_search_fails_at_waits_at_the_end_of_the_line():
    mdp, source = sudoku_problem(9, split="train", blanks="hard")
    memory, rng = HindsightMemory(mdp, 1, 1000), np.random.default_rng(0)
    instances = np.stack([source.sample(rng) for _ in range(3)])
    for instance in instances:
        memory._wait(instance, instance[None], rng)
    assert memory.search(uniform_proposer(mdp), Search(2, 1)) == 0.0 and memory.size == 0
    assert list(memory._waiting) == [instances[i].tobytes() for i in (2, 0, 1)]


def test_dead_ends_of_a_search_are_not_kept():
    mdp, source = sudoku_problem(9, split="train", blanks="hard")
    puzzle = source.sample(np.random.default_rng(0))
    goal = solve(puzzle[None])[0][0]
    memory = HindsightMemory(mdp, 1, 1000)
    memory._wait(puzzle, puzzle[None], np.random.default_rng(0))
    proposer, visited = uniform_proposer(mdp), list[np.ndarray]()

    def watched(states):
        visited.extend(states.plans)
        return proposer(states)

    assert memory.search(watched, Search(1, 2000)) == 1.0
    ways = [bool(((plan == goal) | (plan == puzzle)).all()) for plan in visited]
    assert any(ways) and not all(ways), "the search has been both on the way and off it"
    kept = memory._kept[1][: memory.size]
    assert ((kept == goal) | (kept == puzzle)).all()
    assert memory.size == 1 + sum(ways), "what waited, and what lies on the way"


@pytest.mark.parametrize("name", ["instances", "calls", "solutions"])
def test_bad_searches_are_refused(name):
    with pytest.raises(ValueError, match=f"Search: {name} must be at least 1, got 0; search=None leaves searches out"):
        Search(**{"instances": 1, name: 0})
