"""The keywords `curriculum` and `retry` of the puzzles, and training with them."""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env as gymnasium_check
from plan_edit_helpers import same
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_checker import check_env as sb3_check
from stable_baselines3.common.vec_env import VecMonitor

from benchmarks.protocol.suites import pool
from trm_agents import UPITRM
from trm_agents.common.vec_env import VectorEnvAdapter
from trm_envs import Curriculum, InstancePool, Retry
from trm_envs.maze.env import maze_problem
from trm_envs.maze.paths import path_lengths
from trm_envs.sudoku.env import sudoku_problem
from trm_envs.wrappers import OneHotVectorObservation

SUDOKU, MAZE = "SudokuPlanEdit-4x4-v0", "MazePlanEdit-5x5-v0"
KEYWORDS: dict[str, dict[str, Any]] = {
    SUDOKU: {"curriculum": [(1, 2), (3, 4), (6, 8)], "retry": 0.3},
    MAZE: {"curriculum": [(5, 5), (5, 7), (5, None)], "retry": 0.3},
}


@pytest.mark.parametrize("generate", [False, True])
def test_stages_of_sudoku_have_the_blanks_asked_for(generate: bool) -> None:
    stages = [(1, 2), (6, 8), "minimal"]
    source = sudoku_problem(4, curriculum=stages, blanks="minimal", generate=generate).source
    assert isinstance(source, Curriculum)
    rng, expected = np.random.default_rng(0), [{1, 2}, {6, 7, 8}, {11, 12}]
    for stage, blanks in zip(source.stages, expected, strict=True):
        assert isinstance(stage, InstancePool) is not generate
        assert {int((stage.sample(rng) == 0).sum()) for _ in range(60)} <= blanks


def test_stages_of_9x9_sudoku_come_from_several_pools() -> None:
    source = sudoku_problem(9, curriculum=[(20, 30), (31, 48), (49, 56)]).source
    assert isinstance(source, Curriculum)
    for stage, (least, most) in zip(source.stages, [(20, 30), (31, 48), (49, 56)], strict=True):
        assert isinstance(stage, InstancePool)
        blanks = (stage.instances == 0).sum(axis=1)
        assert least <= blanks.min() and blanks.max() <= most
        np.testing.assert_array_equal(stage.instances, sudoku_problem(9, blanks=(least, most)).source.instances)  # type: ignore[attr-defined]


def test_stages_of_mazes_are_ranges_of_path_lengths() -> None:
    bounds = [(9, 13), (14, 21), (9, None)]
    source, everything = maze_problem(9, curriculum=bounds).source, maze_problem(9).source.instances  # type: ignore[attr-defined]
    assert isinstance(source, Curriculum)
    for stage, (least, most) in zip(source.stages, bounds, strict=True):
        assert isinstance(stage, InstancePool)
        lengths = path_lengths(everything, 9)
        np.testing.assert_array_equal(stage.instances, everything[(lengths >= least) & (lengths <= (most or 81))])
    assert len(source.stages[-1]) == len(everything)  # type: ignore[arg-type]


def test_generated_mazes_of_a_stage() -> None:
    source = maze_problem(7, curriculum=[(7, 9), (11, None)], generate=True, braid=False).source
    assert isinstance(source, Curriculum)
    rng = np.random.default_rng(0)
    for stage, (least, most) in zip(source.stages, [(7, 9), (11, 49)], strict=True):
        lengths = path_lengths(np.stack([stage.sample(rng) for _ in range(40)]), 7)
        assert least <= lengths.min() and lengths.max() <= most and len(set(lengths.tolist())) > 1


def test_retry_wraps_whatever_instances_are_asked_for() -> None:
    puzzles = ["12" + "." * 14]
    for source in (
        sudoku_problem(4, retry=0.2).source,
        sudoku_problem(4, retry=0.2, puzzles=puzzles).source,
        sudoku_problem(4, retry=0.2, generate=True).source,
        sudoku_problem(4, retry=0.2, curriculum=[(6, 8)]).source,
        maze_problem(5, retry=0.2).source,
    ):
        assert isinstance(source, Retry) and source.probability == 0.2
    for options in ({}, {"retry": 0.0}, {"retry": 0, "curriculum": None, "split": "test"}):
        assert isinstance(sudoku_problem(4, **options).source, InstancePool)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("problem", "options", "message"),
    [
        (sudoku_problem, {"curriculum": [(1, 4)], "split": "test", "blanks": (1, 4)}, "split='train'"),
        (sudoku_problem, {"retry": 0.3, "split": "validation"}, "leave retry out"),
        (sudoku_problem, {"curriculum": [(6, 8)], "puzzles": ["." * 16]}, "puzzles="),
        (sudoku_problem, {"curriculum": [(1, 4)]}, r"must end in blanks=\(6, 8\)"),
        (sudoku_problem, {"curriculum": []}, "must end in blanks"),
        (sudoku_problem, {"curriculum": (6, 8)}, "sequence of values of blanks"),
        (sudoku_problem, {"curriculum": "minimal"}, "sequence of values of blanks"),
        (sudoku_problem, {"curriculum": [(5, 4), (6, 8)]}, "least <= most"),
        (sudoku_problem, {"curriculum": [(14, 15), (6, 8)]}, "no shipped 4x4 pool"),
        (sudoku_problem, {"retry": 1.2}, r"retry must be within \[0, 1\], got 1.2"),
        (sudoku_problem, {"retry": True}, "retry must be within"),
        (sudoku_problem, {"retry": None}, "retry must be within"),
        (maze_problem, {"curriculum": [(5, None)], "split": "test"}, "split='train'"),
        (maze_problem, {"curriculum": (5, 9)}, "sequence of ranges"),
        (maze_problem, {"curriculum": [(None, 9)]}, "sequence of ranges"),
        (maze_problem, {"curriculum": []}, "at least one stage"),
        (maze_problem, {"curriculum": [(2, 4), (5, None)]}, r"stage \(2, 4\).* is 5 to 17 here"),
        (maze_problem, {"curriculum": [(30, None)], "generate": True}, r"stage \(30, None\)"),
    ],
)
def test_bad_keywords_are_refused(problem: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        problem(4 if problem is sudoku_problem else 5, **options)


@pytest.mark.parametrize("env_id", KEYWORDS)
def test_checkers_find_nothing(env_id: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gym.make(env_id, **KEYWORDS[env_id])
        gymnasium_check(env.unwrapped)
        sb3_check(env.unwrapped)


@pytest.mark.parametrize("env_id", KEYWORDS)
def test_keywords_survive_json(env_id: str) -> None:
    env = gym.make(env_id, **KEYWORDS[env_id], max_edits=2)
    assert env.spec is not None
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    traces: list[list[Any]] = [[], []]
    for trace, one in zip(traces, (env, again), strict=True):
        trace.append(one.reset(seed=4))
        for step in range(60):
            trace.append(one.step(step % 16))
            if trace[-1][2]:
                trace.append(one.reset())
    same(*traces)
    source, other = (one.unwrapped.get_wrapper_attr("source") for one in (env, again))
    assert source.get_state() == other.get_state() and source.progress["retry_queue"] > 0


def test_the_evaluation_pool_of_a_suite_knows_no_curriculum() -> None:
    plain = {"blanks": (6, 8), "legal_actions": "givens"}
    for split in ("train", "validation", "test"):
        with_it, without = (pool(SUDOKU, options, split) for options in ({**plain, **KEYWORDS[SUDOKU]}, plain))  # type: ignore[arg-type]
        np.testing.assert_array_equal(with_it.instances, without.instances)


def vec_env(env_id: str = SUDOKU, one_hot: bool = False, **options: Any) -> VecMonitor:
    env: Any = gym.make_vec(env_id, num_envs=4, autoreset_mode="SameStep", **KEYWORDS[env_id], **options)
    return VecMonitor(VectorEnvAdapter(OneHotVectorObservation(env) if one_hot else env))


class Progress(BaseCallback):
    """Logs how the source stands, as a user would."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[dict[str, float]] = []

    def _on_step(self) -> bool:
        self.seen.append(self.training_env.get_attr("source", 0)[0].progress)
        return True


@pytest.mark.parametrize("env_id", KEYWORDS)
@pytest.mark.parametrize("one_hot", [False, True])
def test_ppo_trains_with_both(env_id: str, one_hot: bool) -> None:
    progress = Progress()
    policy = "MlpPolicy" if one_hot else "MultiInputPolicy"
    PPO(policy, vec_env(env_id, one_hot), n_steps=64, batch_size=64, n_epochs=1, seed=0).learn(1024, progress)
    assert set(progress.seen[-1]) == {"stage", "stage_tries", "stage_success", "retry_queue"}
    assert progress.seen[-1]["stage_tries"] > 0
    assert max(entry["retry_queue"] for entry in progress.seen) > 0


def test_a_killed_upi_trm_run_resumes_to_the_same_result(tmp_path: Any) -> None:
    small: dict[str, Any] = {"n_steps": 16, "batch_size": 32, "n_epochs": 1, "seed": 0, "device": "cpu"}

    class SaveAt(BaseCallback):
        def _on_step(self) -> bool:
            if self.num_timesteps == 100:
                self.model.save(tmp_path / "killed.zip")
            return self.num_timesteps < 100

    whole = UPITRM("TRMPolicy", vec_env(max_edits=4), **small).learn(256)
    UPITRM("TRMPolicy", vec_env(max_edits=4), **small).learn(256, callback=SaveAt())
    resumed = UPITRM.load(tmp_path / "killed.zip", env=vec_env(max_edits=4), device="cpu", force_reset=False)
    resumed.learn(156, reset_num_timesteps=False)
    states = [model.env.env_method("get_state") for model in (whole, resumed)]  # type: ignore[union-attr]
    same(*states)
    assert states[0][0]["source"]["queue"]
    for left, right in zip(whole.policy.parameters(), resumed.policy.parameters(), strict=True):
        assert bool((left == right).all())
