"""The plan-edit MDP and the Sudoku task against oracles in plain Python."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_edit_helpers import SMALL, same, some_action

from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates, Rewards
from trm_envs.plan_edit.spaces import observe, states_of
from trm_envs.sudoku.env import sudoku_problem
from trm_envs.sudoku.task import SudokuTask

SIZES = st.sampled_from([4, 9])
LEVELS = ("givens", "consistent")


def oracle_units(size: int) -> list[list[int]]:
    """The cells of every row, column and box."""
    box = {4: 2, 9: 3, 16: 4}[size]
    rows = [[row * size + column for column in range(size)] for row in range(size)]
    columns = [list(column) for column in zip(*rows, strict=True)]
    boxes = [
        [rows[top + i][left + j] for i in range(box) for j in range(box)]
        for top in range(0, size, box)
        for left in range(0, size, box)
    ]
    return rows + columns + boxes


def oracle_conflicts(plan: list[int], cell: int, digit: int, size: int) -> bool:
    return any(plan[other] == digit for unit in oracle_units(size) if cell in unit for other in unit if other != cell)


def oracle_check(plan: list[int], size: int, violation_weight: float, dead_end_weight: float) -> tuple[Any, ...]:
    violations = 0
    for unit in oracle_units(size):
        digits = [plan[cell] for cell in unit if plan[cell]]
        violations += len(digits) - len(set(digits))
    filled = sum(digit > 0 for digit in plan)
    blanks = [cell for cell in range(size * size) if plan[cell] == 0]
    dead_ends = sum(all(oracle_conflicts(plan, cell, d, size) for d in range(1, size + 1)) for cell in blanks)
    score = filled - violation_weight * violations - dead_end_weight * dead_ends
    return score, not blanks and violations == 0, filled, violations, dead_ends


def random_states(size: int, seed: int, batch: int = 3) -> PlanStates:
    """Any instances and any plans that keep the givens, full ones and contradictory ones included."""
    rng = np.random.default_rng(seed)
    full = rng.integers(1, size + 1, size=(batch, size * size)).astype(np.int8)
    plans = full * (rng.random(full.shape) < rng.random((batch, 1)) * 1.2)
    instances = plans * (rng.random(full.shape) < 0.5)
    return PlanStates(instances.astype(np.int8), plans.astype(np.int8), rng.integers(1, 9, batch).astype(np.int32))


def solved_grid(size: int) -> list[int]:
    box = {4: 2, 9: 3}[size]
    return [(box * (row % box) + row // box + column) % size + 1 for row in range(size) for column in range(size)]


@settings(max_examples=60, deadline=None)
@given(SIZES, st.integers(0, 10**6), st.floats(0, 5), st.floats(0, 9))
def test_checker_equals_the_oracle(size: int, seed: int, violation_weight: float, dead_end_weight: float) -> None:
    task = SudokuTask(size, violation_weight=violation_weight, dead_end_weight=dead_end_weight)
    states = random_states(size, seed)
    checks = task.check(states.instances, states.plans)
    for row, plan in enumerate(states.plans.tolist()):
        expected = oracle_check(plan, size, violation_weight, dead_end_weight)
        assert [field[row].item() for field in checks] == pytest.approx(expected)


@pytest.mark.parametrize("size", [4, 9])
def test_checker_knows_a_solution_and_near_misses(size: int) -> None:
    grid = solved_grid(size)
    swapped = [*grid[1::-1], *grid[2:]]
    holed = [0, *grid[1:]]
    checks = SudokuTask(size).check(*[np.array([grid, swapped, holed], np.int8)] * 2)
    assert checks.solved.tolist() == [True, False, False]
    assert checks.violations[0] == 0 and checks.violations[1] > 0 and checks.filled[2] == size * size - 1


@settings(max_examples=25, deadline=None)
@given(
    SIZES, st.integers(0, 10**6), st.sampled_from(LEVELS), st.booleans(), st.sampled_from([None, "noop", "terminal"])
)
def test_mask_is_legality_for_every_action(size: int, seed: int, level: Any, can_erase: bool, stop: Any) -> None:
    task = SudokuTask(size, can_erase=can_erase)
    mdp = PlanEditMDP(task, legal_actions=level, stop_action=stop)
    state = random_states(size, seed, batch=1)
    mask = mdp.action_mask(state)[0]
    every = PlanStates(*(np.repeat(field, mdp.n_actions, axis=0) for field in state))
    transition = mdp.transition(every, np.arange(mdp.n_actions))
    np.testing.assert_array_equal(mask, ~transition.invalid)
    instance, plan = state.instances[0].tolist(), state.plans[0].tolist()
    for action in range(mdp.n_actions):
        expected, legal = list(plan), True
        if action < size**3:
            cell, digit = action // size, action % size + 1
            legal = instance[cell] == 0 and not (level == "consistent" and oracle_conflicts(plan, cell, digit, size))
            expected[cell] = digit
        elif action < task.n_actions:
            legal = instance[action - size**3] == 0
            expected[action - size**3] = 0
        assert mask[action] == legal
        assert transition.successors.plans[action].tolist() == (expected if legal else plan)


@settings(max_examples=25, deadline=None)
@given(SIZES, st.integers(0, 10**6), st.booleans(), st.floats(0, 1))
def test_rewards_equal_their_definition(size: int, seed: int, shaping: bool, gamma: float) -> None:
    mdp = PlanEditMDP(SudokuTask(size), shaping=shaping, gamma=gamma)
    states = random_states(size, seed, batch=16)
    result = mdp.transition(states, np.random.default_rng(seed).integers(size**3, size=16))
    for row in range(16):
        before = oracle_check(states.plans[row].tolist(), size, 2, 5)
        after = oracle_check(result.successors.plans[row].tolist(), size, 2, 5)
        ended = after[1] or states.remaining_edits[row] == 1
        reward = 1.0 if after[1] else -(size**2) if ended else 0.0
        if shaping:
            reward += (0.0 if ended else gamma * after[0]) - before[0]
        assert result.terminated[row] == ended
        assert result.rewards[row] == pytest.approx(reward)
        assert result.successors.remaining_edits[row] == states.remaining_edits[row] - 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 1), st.sampled_from([None, "terminal"]), st.floats(0.2, 1))
def test_shaping_telescopes(seed: int, gamma: float, stop: Any, legal: float) -> None:
    env = gym.make("SudokuPlanEdit-4x4-v0", gamma=gamma, stop_action=stop, blanks=(1, 4)).unwrapped
    rng = np.random.default_rng(seed)
    _, info = env.reset(seed=seed)
    start, value, discount, terminated = info["score"], 0.0, 1.0, False
    while not terminated:
        _, reward, terminated, _, info = env.step(some_action(rng, info["action_mask"], legal))
        value, last_discount, discount = value + discount * float(reward), discount, discount * gamma
    outcome = 1.0 if info["is_success"] else -16.0
    assert value == pytest.approx(last_discount * outcome - start)


@pytest.mark.parametrize("env_id", SMALL)
@pytest.mark.parametrize("options", [{}, {"stop_action": "terminal"}, {"stop_action": "noop", "shaping": False}])
def test_successors_equal_env_step(env_id: str, options: dict[str, Any]) -> None:
    env = gym.make(env_id, max_edits=6, **options).unwrapped
    mdp: PlanEditMDP = env.get_wrapper_attr("mdp")
    rng = np.random.default_rng(0)
    observation, info = env.reset(seed=0)
    for _ in range(4):
        states = states_of({key: value[None] for key, value in observation.items()})
        successors = mdp.successors(states)
        np.testing.assert_array_equal(successors.actions, np.flatnonzero(info["action_mask"]))
        state = env.get_wrapper_attr("get_state")()
        seen = observe(successors.transition.successors)
        for number, action in enumerate(successors.actions):
            env.get_wrapper_attr("set_state")(state)
            after, reward, terminated, _, after_info = env.step(action)
            same(after, {key: batch[number] for key, batch in seen.items()})
            assert reward == successors.transition.rewards[number]
            assert terminated == successors.transition.terminated[number]
            assert after_info["score"] == successors.transition.checks.score[number]
            assert after_info["is_success"] == successors.transition.checks.solved[number]
        env.get_wrapper_attr("set_state")(state)
        observation, _, terminated, _, info = env.step(some_action(rng, info["action_mask"], 1.0))
        if terminated:
            observation, info = env.reset()


def test_successors_of_a_batch_are_those_of_its_rows() -> None:
    mdp = PlanEditMDP(SudokuTask(4), legal_actions="consistent")
    states = random_states(4, 3, batch=5)
    together = mdp.successors(states, mdp.check(states))
    for row in range(5):
        alone = mdp.successors(states.at(np.array([row])))
        rows = np.flatnonzero(together.rows == row)
        np.testing.assert_array_equal(together.actions[rows], alone.actions)
        np.testing.assert_array_equal(together.transition.rewards[rows], alone.transition.rewards)
        np.testing.assert_array_equal(together.transition.successors.plans[rows], alone.transition.successors.plans)


def test_inputs_are_never_changed() -> None:
    mdp = PlanEditMDP(SudokuTask(4, can_erase=True), stop_action="terminal")
    states = random_states(4, 1, batch=mdp.n_actions)
    for array in states:
        array.setflags(write=False)
    actions = np.arange(mdp.n_actions)
    actions.setflags(write=False)
    checks = mdp.check(states)
    for field in checks:
        field.setflags(write=False)
    mdp.action_mask(states)
    mdp.successors(states, checks)
    result = mdp.transition(states, actions, checks)
    assert not np.shares_memory(result.successors.plans, states.plans)
    assert not np.shares_memory(mdp.initial(states.instances).plans, states.instances)


def test_an_illegal_edit_only_spends_an_edit() -> None:
    env = gym.make("SudokuPlanEdit-4x4-v0").unwrapped
    before, info = env.reset(seed=0)
    after, reward, terminated, _, after_info = env.step(int(np.flatnonzero(info["action_mask"] == 0)[0]))
    np.testing.assert_array_equal(after["plan"], before["plan"])
    assert after["remaining_edits"][0] == before["remaining_edits"][0] - 1
    assert after_info["invalid_action"] is True and not terminated
    assert reward == pytest.approx(0.99 * info["score"] - info["score"])


def test_a_cell_may_be_written_again() -> None:
    env = gym.make("SudokuPlanEdit-4x4-v0").unwrapped
    observation, _ = env.reset(seed=0)
    cell = int(np.flatnonzero(observation["instance"] == 0)[0])
    for digit in (1, 2):
        observation, *_, info = env.step(cell * 4 + digit - 1)
        assert observation["plan"][cell] == digit and not info["invalid_action"]


def test_the_end_of_the_budget_is_terminal() -> None:
    env = gym.make("SudokuPlanEdit-4x4-v0", max_edits=2).unwrapped
    _, info = env.reset(seed=0)
    locked = int(np.flatnonzero(info["action_mask"] == 0)[0])
    assert env.step(locked)[2:4] == (False, False)
    observation, reward, terminated, truncated, after = env.step(locked)
    assert (terminated, truncated, after["is_success"]) == (True, False, False)
    assert reward == pytest.approx(-16 - info["score"]) and observation["remaining_edits"][0] == 0


@pytest.mark.parametrize(("shaping", "reward"), [(True, 1.0 - 15.0), (False, 1.0)])
def test_solving_ends_the_episode(shaping: bool, reward: float) -> None:
    env = gym.make("SudokuPlanEdit-4x4-v0", shaping=shaping).unwrapped
    grid = solved_grid(4)
    env.reset(options={"puzzle": np.array([0, *grid[1:]])})
    result = env.step(grid[0] - 1)
    assert result[1:4] == (pytest.approx(reward), True, False) and result[4]["is_success"]


def test_sparse_rewards_are_only_those_of_the_end() -> None:
    env = gym.make("SudokuPlanEdit-4x4-v0", shaping=False, max_edits=3).unwrapped
    env.reset(seed=1)
    assert [env.step(0)[1] for _ in range(3)] == [0.0, 0.0, -16.0]


def test_stop_actions() -> None:
    for stop, ends in (("noop", False), ("terminal", True)):
        env = gym.make("SudokuPlanEdit-4x4-v0", stop_action=stop).unwrapped
        before, info = env.reset(seed=0)
        assert env.action_space == gym.spaces.Discrete(65) and info["action_mask"][64] == 1
        after, reward, terminated, truncated, after_info = env.step(64)
        np.testing.assert_array_equal(after["plan"], before["plan"])
        assert (terminated, truncated, after_info["invalid_action"]) == (ends, False, False)
        assert reward == pytest.approx((-16 if ends else 0.99 * info["score"]) - info["score"])


def test_erase_action() -> None:
    env = gym.make("SudokuPlanEdit-4x4-v0", allow_erase=True).unwrapped
    observation, _ = env.reset(seed=0)
    free, given_cell = (int(np.flatnonzero(found)[0]) for found in (observation["plan"] == 0, observation["plan"] > 0))
    env.step(free * 4)
    observation, *_, info = env.step(64 + free)
    assert observation["plan"][free] == 0 and not info["invalid_action"]
    observation, *_, info = env.step(64 + given_cell)
    assert observation["plan"][given_cell] > 0 and info["invalid_action"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_edits": 0}, "max_edits"),
        ({"gamma": 1.5}, "gamma"),
        ({"legal_actions": "all"}, "legal_actions"),
        ({"stop_action": "halt"}, "stop_action"),
        ({"violation_weight": -1.0}, "violation_weight=-1"),
        ({"split": "dev"}, "split"),
        ({"split": "test", "generate": True}, "one source"),
        ({"blanks": (8, 6)}, r"\(8, 6\)"),
        ({"blanks": (0, 3)}, r"\(0, 3\)"),
        ({"blanks": (1, 99)}, r"\(1, 99\)"),
        ({"blanks": "hard"}, "'hard'"),
        ({"blanks": (4, 6)}, "generate=True"),
        ({"puzzles": ["1" + "." * 15], "blanks": (1, 2)}, "leave it out"),
        ({"puzzles": ["11" + "." * 14]}, "line 1: digit 1 is given twice"),
    ],
)
def test_bad_values(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sudoku_problem(4, **options)


def test_unknown_keyword_and_size() -> None:
    with pytest.raises(TypeError, match=r"unknown keyword 'blank'.*blanks"):
        sudoku_problem(4, blank=(1, 2))  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="4, 9, 16"):
        sudoku_problem(5)


@pytest.mark.parametrize(
    ("size", "options", "least", "most"),
    [
        (4, {}, 6, 8),
        (4, {"blanks": (2, 3)}, 2, 3),
        (4, {"blanks": "minimal"}, 11, 12),
        (9, {"split": "test"}, 49, 56),
        (9, {"blanks": (29, 33)}, 29, 33),
        (4, {"generate": True, "blanks": (5, 5)}, 5, 5),
        (9, {"generate": True, "blanks": "minimal"}, 49, 64),
        (16, {}, 90, 120),
    ],
)
def test_blanks_are_those_asked_for(size: int, options: dict[str, Any], least: int, most: int) -> None:
    source, rng = sudoku_problem(size, **options).source, np.random.default_rng(0)
    counts = [(source.sample(rng) == 0).sum() for _ in range(30)]
    assert min(counts) >= least and max(counts) <= most
    if options.get("blanks") == (29, 33):
        assert min(counts) <= 30 and max(counts) >= 31


@pytest.mark.parametrize("options", [{}, {"generate": True}, {"puzzles": ["12" + "." * 14, "." * 16]}])
def test_sampling_for_many_equals_sampling_one_by_one(options: dict[str, Any]) -> None:
    source = sudoku_problem(4, **options).source
    together = source.sample_each([np.random.default_rng(seed) for seed in range(8)])
    alone = [source.sample(np.random.default_rng(seed)) for seed in range(8)]
    np.testing.assert_array_equal(together, alone)
    assert together.dtype == np.int8 and len(np.unique(together, axis=0)) > 1


def test_own_puzzles_from_a_file(tmp_path: Any) -> None:
    path = tmp_path / "mine.npy"
    np.save(path, np.array([[[1, 0, 0, 0], [0] * 4, [0] * 4, [0] * 4]]))
    observation, _ = gym.make("SudokuPlanEdit-4x4-v0", puzzles=path).reset()
    assert observation["instance"].tolist() == [1] + [0] * 15


@pytest.mark.parametrize("name", Rewards._fields)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e308, "1", True, None])
def test_a_reward_that_no_return_can_sum_up_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"rewards\.{name} must be a finite number"):
        PlanEditMDP(SudokuTask(4), rewards=Rewards()._replace(**{name: value}))
