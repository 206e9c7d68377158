"""Placing digits into a Sudoku: what is legal, what is paid, and when an episode is lost."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import baselines
from benchmarks.protocol.evaluation import evaluate
from trm_envs.sudoku.place import SudokuPlaceTask
from trm_envs.sudoku.place_env import SudokuPlaceEnv, place_problem
from trm_envs.sudoku.solver import count_solutions, solve
from trm_envs.testing import check_task

FULL = [1, 2, 3, 4, 3, 4, 1, 2, 2, 1, 4, 3, 4, 3, 2, 1]


def conflicts(plan: Any, cell: int, digit: int) -> bool:
    """Whether another cell of the row, column or box of a 4x4 grid holds the digit."""
    row, column = divmod(cell, 4)
    for other, held in enumerate(plan):
        r, c = divmod(other, 4)
        if other != cell and held == digit and (r == row or c == column or (r // 2, c // 2) == (row // 2, column // 2)):
            return True
    return False


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["givens", "consistent"]))
def test_every_placement_is_that_of_an_oracle(seed: int, level: Any) -> None:
    rng = np.random.default_rng(seed)
    problem = place_problem(4, legal_actions=level, blanks=(6, 8))
    puzzle = problem.source.sample(rng)
    mdp, task = problem.mdp, SudokuPlaceTask(4)
    states = mdp.initial(np.repeat(puzzle[None], 64, axis=0))
    for cell in rng.choice(np.flatnonzero(puzzle == 0), 2, replace=False):
        states.plans[:, cell] = rng.integers(1, 5)
    before, mask = states.plans[0].tolist(), mdp.action_mask(states)[0]
    done = mdp.transition(states, np.arange(64))
    for action in range(64):
        cell, digit = action // 4, action % 4 + 1
        legal = before[cell] == 0 and not (level == "consistent" and conflicts(before, cell, digit))
        after = [*before[:cell], digit, *before[cell + 1 :]] if legal else before
        repeated = any(after[c] and conflicts(after, c, after[c]) for c in range(16))
        stuck = any(not after[c] and all(conflicts(after, c, d) for d in range(1, 5)) for c in range(16))
        solved = 0 not in after and not repeated
        assert mask[action] == legal != done.invalid[action]
        assert done.successors.plans[action].tolist() == after
        assert done.terminated[action] == (solved or repeated or stuck)
        reward = (1 if legal else -1) / 16 + (1 if solved else -1 if repeated or stuck else 0)
        assert done.rewards[action] == pytest.approx(reward)
    assert task.lost(done.checks).tolist() == (done.terminated & ~done.checks.solved).tolist()


def test_a_puzzle_of_two_blanks_by_hand() -> None:
    puzzle = np.array(FULL)
    puzzle[[0, 15]] = 0
    env = SudokuPlaceEnv(4, puzzles=[puzzle])
    env.reset(seed=0)
    # A given cell, a digit that its row holds, and the two that belong there.
    outcome = [env.step(action) for action in (4, 1, 0, 60)]
    assert [step[1] for step in outcome] == pytest.approx([-1 / 16, -1 / 16, 1 / 16, 1 / 16 + 1])
    assert [step[2] for step in outcome] == [False, False, False, True] and outcome[-1][-1]["is_success"]
    env = SudokuPlaceEnv(4, puzzles=[puzzle], legal_actions="givens")
    env.reset(seed=0)
    _, reward, ended, _, info = env.step(1)
    assert (reward, ended, info["is_success"], info["invalid_action"]) == (1 / 16 - 1, True, False, False)
    env = SudokuPlaceEnv(4, puzzles=[puzzle], max_edits=1)
    env.reset(seed=0)
    assert env.step(0)[1:3] == (1 / 16 - 1, True), "used up"


def test_stopping_earns_nothing() -> None:
    for kind, reward, ends in (("noop", 0.0, False), ("terminal", -1.0, True)):
        env = SudokuPlaceEnv(4, stop_action=kind)
        env.reset(seed=0)
        assert env.step(64)[1:3] == (reward, ends)


def test_any_full_grid_counts() -> None:
    """A puzzle that has several solutions is solved by each of them."""
    puzzle = np.array(FULL, np.int8)
    puzzle[[0, 1, 4, 5, 8, 9, 12, 13]] = 0
    task = SudokuPlaceTask(4)
    other = np.array([2, 1, 3, 4, 4, 3, 1, 2, 1, 2, 4, 3, 3, 4, 2, 1], np.int8)
    assert count_solutions(puzzle[None])[0] > 1
    assert task.check(np.stack([puzzle] * 2), np.stack([np.array(FULL, np.int8), other])).solved.all()


def test_some_placement_is_legal_until_the_end() -> None:
    env = gym.make("SudokuPlace-4x4-v0", blanks="minimal").unwrapped
    rng = np.random.default_rng(0)
    ends = []
    for seed in range(60):
        _, info = env.reset(seed=seed)
        ended = False
        while not ended:
            assert info["action_mask"].any()
            _, _, ended, _, info = env.step(int(rng.choice(np.flatnonzero(info["action_mask"]))))
        ends.append((info["is_success"], info["dead_ends"] > 0))
    assert set(ends) == {(True, False), (False, True)}


def test_the_task_keeps_its_word() -> None:
    puzzles = place_problem(4, blanks=(1, 4), split="test").source.instances[:3]
    check_task(SudokuPlaceTask(4), puzzles, solve(puzzles)[0])


def test_lines_play() -> None:
    problem = place_problem(4, blanks="minimal", split="test")
    puzzles = problem.source.instances[:100]
    assert not baselines.LINES["singles"].supports("SudokuPlace-4x4-v0"), "it has no edit that changes nothing"
    results = {
        name: evaluate(baselines.line(name).agent(problem.mdp, np.random.default_rng(0)), problem.mdp, puzzles)
        for name in ("random", "checker_greedy", "solver")
    }
    assert results["solver"].success == 1 and (results["solver"].edits == (puzzles == 0).sum(axis=1)).all()
    assert results["random"].success < results["checker_greedy"].success < 1


def test_bad_keywords_are_refused() -> None:
    for options, error in (({"allow_erase": True}, TypeError), ({"violation_weight": 1.0}, TypeError)):
        with pytest.raises(error, match="unknown keyword"):
            place_problem(4, **options)
