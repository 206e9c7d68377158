"""Curriculum and retry queue through the environments: what sources hear of episodes and when, and resume."""

from __future__ import annotations

import pickle
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from plan_edit_helpers import same

from trm_envs import Curriculum, InstanceSource, PlanEditEnv, PlanEditVectorEnv, Retry
from trm_envs.instances.adaptive import AdaptiveSource
from trm_envs.sudoku.env import sudoku_problem
from trm_envs.sudoku.solver import solve

SUDOKU = "SudokuPlanEdit-4x4-v0"
EASY: dict[str, Any] = {"blanks": (1, 2), "legal_actions": "consistent", "max_edits": 3}
"""Short episodes that random legal actions solve about every other time."""
ADAPTIVE: dict[str, Any] = {"curriculum": [(1, 1), (2, 2), (1, 4)], "blanks": (1, 4), "retry": 0.5}
MODES = list(AutoresetMode)


class Spy(AdaptiveSource):
    """Writes down what it hears; every third instance goes without a ticket."""

    def __init__(self, source: InstanceSource) -> None:
        self.source = source
        self.log: list[tuple[Any, ...]] = []
        self.n_drawn = 0

    def draw(self, rng: np.random.Generator) -> tuple[NDArray[np.int8], Any]:
        self.n_drawn += 1
        ticket = None if self.n_drawn % 3 == 0 else self.n_drawn
        self.log.append(("draw", ticket))
        return self.source.sample(rng), ticket

    def report(self, ticket: Any, solved: bool) -> None:
        assert type(solved) is bool
        self.log.append(("report", ticket, solved))

    def abandon(self, ticket: Any) -> None:
        self.log.append(("abandon", ticket))

    def get_state(self) -> int:
        return self.n_drawn

    def set_state(self, state: Any) -> None:
        self.n_drawn = state


def legal(masks: NDArray[Any], rng: np.random.Generator) -> NDArray[np.int64]:
    return np.array([rng.choice(np.flatnonzero(mask)) for mask in masks])


class Expected:
    """What a source should be told, row by row, from what an environment says to its user."""

    def __init__(self, num_envs: int) -> None:
        self.log: list[tuple[Any, ...]] = []
        self.tickets: list[int | None] = [None] * num_envs
        self.n_drawn = 0

    def begin(self, rows: NDArray[np.int64], drawn: bool = True) -> None:
        self.log += [("abandon", self.tickets[row]) for row in rows if self.tickets[row] is not None]
        for row in rows:
            self.n_drawn += drawn
            self.tickets[row] = None if not drawn or self.n_drawn % 3 == 0 else self.n_drawn
            self.log += [("draw", self.tickets[row])] if drawn else []

    def end(self, rows: NDArray[np.int64], solved: NDArray[Any]) -> None:
        for row in rows:
            if self.tickets[row] is not None:
                self.log.append(("report", self.tickets[row], bool(solved[row])))
            self.tickets[row] = None


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(["step"] * 12 + ["reset", "puzzle"]), max_size=40), st.integers(0, 99))
def test_a_single_environment_reports_each_episode_once(events: list[str], seed: int) -> None:
    mdp, source = sudoku_problem(4, **EASY)
    env, expected, rng, row = PlanEditEnv(mdp, Spy(source)), Expected(1), np.random.default_rng(seed), np.array([0])
    puzzle = source.sample(rng)
    env.reset(seed=seed)
    expected.begin(row)
    for event in events:
        if event == "step":
            *_, terminated, _, info = env.step(int(legal(env.action_masks()[None], rng)[0]))
            if terminated:
                expected.end(row, np.array([info["is_success"]]))
        if event != "step" or terminated:
            env.reset(options={"puzzle": puzzle} if event == "puzzle" else None)
            expected.begin(row, event != "puzzle")
    assert env.source.log == expected.log  # type: ignore[attr-defined]


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=25, deadline=None)
@given(
    events=st.lists(st.sampled_from(["step"] * 12 + ["reset", "some", "puzzle"]), max_size=40), seed=st.integers(0, 99)
)
def test_a_vector_environment_reports_each_episode_once(mode: AutoresetMode, events: list[str], seed: int) -> None:
    mdp, source = sudoku_problem(4, **EASY)
    env, expected, rng = PlanEditVectorEnv(3, mdp, Spy(source), None, mode), Expected(3), np.random.default_rng(seed)
    puzzle, every, ended = source.sample(rng), np.arange(3), np.zeros(3, np.bool_)
    env.reset(seed=seed)
    expected.begin(every)
    for event in events:
        if event == "step":
            *_, done, _, info = env.step(legal(env.action_masks(), rng))
            expected.end(np.flatnonzero(done), info.get("final_info", info)["is_success"])
            if mode != AutoresetMode.DISABLED:
                expected.begin(np.flatnonzero(done if mode == AutoresetMode.SAME_STEP else ended))
                ended = done
                continue
            ended = done
            if not done.any():
                continue
        # Without autoreset a step is followed by a reset of what has ended.
        mask = ended if event == "step" else ended | np.array([True, event != "some", True])
        chosen = {"puzzle": puzzle} if event == "puzzle" else {}
        env.reset(options={"reset_mask": mask.copy(), **chosen})
        expected.begin(np.flatnonzero(mask), event != "puzzle")
        ended = np.zeros(3, np.bool_)
    assert env.source.log == expected.log  # type: ignore[attr-defined]


def test_reports_come_before_the_next_instance_is_drawn() -> None:
    mdp, source = sudoku_problem(4, blanks=(1, 4), max_edits=1)
    env = PlanEditVectorEnv(2, mdp, Spy(source), autoreset_mode=AutoresetMode.SAME_STEP)
    env.reset(seed=0)
    env.step(np.zeros(2, np.int64))
    kinds = [entry[0] for entry in env.source.log]  # type: ignore[attr-defined]
    assert kinds == ["draw", "draw", "report", "report", "draw", "draw"]


def solving(env: Any) -> NDArray[np.int64]:
    """The next edit of a player that knows the solutions, in every sub-environment."""
    states = env.get_state()
    instances, plans = (
        np.concatenate([getattr(state["states"], key) for state in states]) for key in ("instances", "plans")
    )
    cells = (plans == 0).argmax(axis=1)
    return np.asarray(cells * 4 + solve(instances)[0][np.arange(len(cells)), cells] - 1, np.int64)


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
def test_a_player_that_solves_everything_goes_through_all_stages(mode: AutoresetMode) -> None:
    env: Any = gym.make_vec(SUDOKU, num_envs=4, autoreset_mode=mode, **ADAPTIVE).unwrapped
    observation, _ = env.reset(seed=0)
    stages, blanks = [], [set[int]() for _ in range(3)]
    for _ in range(600):
        stage = env.source.progress["stage"]
        begun = observation["remaining_edits"][:, 0] == env.mdp.max_edits
        blanks[stage] |= set((observation["instance"][begun] == 0).sum(axis=1).tolist())
        stages.append(stage)
        observation, *_ = env.step(solving(env))
    assert stages == sorted(stages) and set(stages) == {0, 1, 2}
    # A stage's first steps still show episodes begun before it: reviews are the only ones of (1, 1) in the second.
    assert blanks[0] == {1} and blanks[1] == {1, 2} and blanks[2] == {1, 2, 3, 4}
    # 100 first tries of one edit each, four at a time.
    assert stages.index(1) == (25 if mode == AutoresetMode.SAME_STEP else 49)
    assert env.source.progress["retry_queue"] == 0 and env.source.progress["stage_success"] == 1.0


def run(env: Any, rng: np.random.Generator, steps: int) -> list[Any]:
    """What random legal play sees, and how the source stands."""
    trace = []
    for _ in range(steps):
        trace.append(env.step(legal(env.action_masks(), rng)))
        if env.autoreset_mode == AutoresetMode.DISABLED and trace[-1][2].any():
            trace.append(env.reset(options={"reset_mask": trace[-1][2].copy()}))
        trace.append({key: repr(value) for key, value in env.source.progress.items()})
    return trace


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("way", ["state", "pickle"])
def test_a_vector_environment_resumes_bit_for_bit(mode: AutoresetMode, way: str) -> None:
    def make() -> Any:
        mdp, source = sudoku_problem(4, **EASY)
        stages = [sudoku_problem(4, blanks=(1, 1)).source, source]
        return PlanEditVectorEnv(5, mdp, Retry(Curriculum(stages, window=30, threshold=0.4), 0.5), None, mode)

    env, rng = make(), np.random.default_rng(0)
    env.reset(seed=3)
    start = run(env, rng, 23)
    assert {entry["stage"] for entry in start if isinstance(entry, dict) and "stage" in entry} == {"0", "1"}
    assert env.source.progress["retry_queue"] > 0
    if way == "pickle":
        other = pickle.loads(pickle.dumps(env))
    else:
        other = make()
        other.reset(seed=8)
        for index, state in enumerate(pickle.loads(pickle.dumps(env.get_state()))):
            other.set_state(state, index)
    same(run(env, np.random.default_rng(1), 60), run(other, np.random.default_rng(1), 60))
    same(env.get_state(), other.get_state())


def test_a_single_environment_resumes_bit_for_bit() -> None:
    env, other = (gym.make(SUDOKU, **ADAPTIVE, max_edits=3).unwrapped for _ in range(2))

    def walk(env: Any, steps: int) -> list[Any]:
        trace = []
        for step in range(steps):
            trace.append(env.step(step % 64))
            if trace[-1][2]:
                trace.append(env.reset())
        return trace

    env.reset(seed=0), other.reset(seed=1)
    walk(env, 50)
    state = env.get_state()  # type: ignore[attr-defined]
    kept = pickle.dumps(state)
    other.set_state(pickle.loads(kept))  # type: ignore[attr-defined]
    copy = pickle.loads(pickle.dumps(env))
    following = walk(env, 80)
    same(following, walk(other, 80))
    same(following, walk(copy, 80))
    # Going on has changed nothing in the state that was given out.
    same(state, pickle.loads(kept))


@pytest.mark.parametrize("mode", MODES)
def test_one_sub_environment_equals_a_single_environment(mode: AutoresetMode) -> None:
    native: Any = gym.make_vec(SUDOKU, num_envs=1, autoreset_mode=mode, **ADAPTIVE, max_edits=2)
    reference: Any = SyncVectorEnv([lambda: gym.make(SUDOKU, **ADAPTIVE, max_edits=2).unwrapped], autoreset_mode=mode)
    rng = np.random.default_rng(0)
    same(native.reset(seed=0), reference.reset(seed=0))
    for _ in range(300):
        action = solving(native.unwrapped) if rng.random() < 0.8 else np.array([rng.integers(64)])
        left = native.step(action)
        same(left, reference.step(action))
        if mode == AutoresetMode.DISABLED and left[2].any():
            same(*(env.reset(options={"reset_mask": left[2].copy()}) for env in (native, reference)))
    assert native.unwrapped.source.progress["stage"] > 0
    same(native.unwrapped.source.get_state(), reference.envs[0].source.get_state())


def test_states_of_stateless_and_adaptive_environments_do_not_mix() -> None:
    plain, adaptive = gym.make(SUDOKU).unwrapped, gym.make(SUDOKU, retry=0.3).unwrapped
    for env, other in ((plain, adaptive), (adaptive, plain)):
        with pytest.raises(ValueError, match=r"neither|keywords"):
            env.set_state(other.get_state())  # type: ignore[attr-defined]
    assert plain.get_state()["source"] is None and plain.source.progress == {}  # type: ignore[attr-defined]
