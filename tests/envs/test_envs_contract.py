"""Every registered id against Gymnasium's and SB3's checkers, and the promises of the single environment."""

from __future__ import annotations

import importlib
import pickle
import subprocess
import sys
import warnings
from typing import Any

import gymnasium as gym
import matplotlib.pyplot as plt
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import InvalidAction, ResetNeeded
from gymnasium.utils.env_checker import check_env as gymnasium_check
from own_tasks import Latin, Queens, latin_instances, queens_instances
from plan_edit_helpers import IDS, SMALL, same, some_action
from stable_baselines3.common.env_checker import check_env as sb3_check

import trm_envs
from trm_envs import InstancePool, PlanEditEnv, PlanEditMDP, PlanEditVectorEnv


def walk(env: gym.Env[Any, Any], seed: int, steps: int = 40, legal: float = 0.8) -> list[Any]:
    """Everything an environment says during a random walk."""
    rng = np.random.default_rng(seed)
    trace: list[Any] = [env.reset(seed=seed)]
    for _ in range(steps):
        trace.append(env.step(some_action(rng, trace[-1][-1]["action_mask"], legal)))
        if trace[-1][2]:
            trace.append(env.reset())
    return trace


def test_every_row_of_the_table_can_be_made() -> None:
    for row in trm_envs.ENVIRONMENTS:
        module = importlib.import_module(f"trm_envs.{row.puzzle}.{row.file}")
        assert issubclass(getattr(module, f"{row.stem}Env"), trm_envs.PlanEditEnv)
        assert issubclass(getattr(module, f"{row.stem}VectorEnv"), trm_envs.PlanEditVectorEnv)
    assert [row.id for row in trm_envs.ENVIRONMENTS] == IDS


plt.switch_backend("Agg")


@pytest.mark.parametrize("env_id", IDS)
@pytest.mark.parametrize("render_mode", [None, "ansi", "rgb_array", "human"])
def test_gymnasium_checker(env_id: str, render_mode: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plt, "pause", lambda interval: None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gym.make(env_id, render_mode=render_mode)
        gymnasium_check(env.unwrapped, skip_render_check=render_mode == "human")
        env.close()


@pytest.mark.parametrize("render_mode", [None, "ansi", "rgb_array", "human"])
@pytest.mark.parametrize("task", [Latin(3), Latin(3, can_erase=True), Queens(4)], ids=["latin", "erase", "queens"])
def test_checkers_on_a_task_of_the_users(
    task: trm_envs.PlanTask, render_mode: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plt, "pause", lambda interval: None)
    instances = queens_instances() if isinstance(task, Queens) else latin_instances(3, 5, 4)[0]
    for stop_action in (None, "terminal"):
        parts = {
            "mdp": trm_envs.PlanEditMDP(task, stop_action=stop_action),
            "source": trm_envs.InstancePool(instances),
        }
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            # Gymnasium asks for a registered environment before it tries render modes.
            gymnasium_check(trm_envs.PlanEditEnv(**parts, render_mode=render_mode), skip_render_check=True)
            gym.register("Own-v0", trm_envs.PlanEditEnv, vector_entry_point=trm_envs.PlanEditVectorEnv, kwargs=parts)
            env = gym.make("Own-v0", render_mode=render_mode).unwrapped
            assert gym.make_vec("Own-v0", num_envs=3).reset(seed=0)[0]["plan"].shape == (3, task.n_cells)
            gymnasium_check(env, skip_render_check=render_mode == "human")
            sb3_check(env, skip_render_check=render_mode == "human")
        del gym.registry["Own-v0"]


@pytest.mark.parametrize("env_id", IDS)
@pytest.mark.parametrize("render_mode", [None, "ansi", "rgb_array"])
def test_sb3_checker(env_id: str, render_mode: str | None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sb3_check(gym.make(env_id, render_mode=render_mode).unwrapped)


@pytest.mark.parametrize("env_id", IDS)
def test_frames(env_id: str) -> None:
    text = gym.make(env_id, render_mode="ansi")
    text.reset(seed=0)
    assert isinstance(text.render(), str) and text.render()
    image = gym.make(env_id, render_mode="rgb_array")
    image.reset(seed=0)
    frame = image.render()
    assert isinstance(frame, np.ndarray) and frame.dtype == np.uint8 and frame.ndim == 3 and frame.shape[2] == 3


@pytest.mark.parametrize("env_id", IDS)
def test_module_prefix_and_spec(env_id: str) -> None:
    env = gym.make(f"trm_envs:{env_id}", max_edits=5)
    assert env.spec is not None
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    same(walk(env, 3), walk(again, 3))


def test_blanks_survive_json() -> None:
    env = gym.make("SudokuPlanEdit-4x4-v0", blanks=(1, 4), render_mode="ansi")
    assert env.spec is not None
    same(walk(env, 1), walk(gym.make(EnvSpec.from_json(env.spec.to_json())), 1))


def test_register_envs_in_a_fresh_process() -> None:
    code = (
        "import gymnasium, trm_envs; gymnasium.register_envs(trm_envs); "
        "print(gymnasium.make_vec('SudokuPlanEdit-4x4-v0', num_envs=3).reset(seed=0)[0]['plan'].shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "(3, 16)", done.stderr


@pytest.mark.parametrize("env_id", IDS)
def test_same_seed_same_episodes(env_id: str) -> None:
    same(walk(gym.make(env_id), 5), walk(gym.make(env_id), 5))
    if env_id.startswith("Open"):
        return  # It has one maze.
    first, other = (gym.make(env_id).reset(seed=seed)[0]["instance"] for seed in (5, 6))
    assert (first != other).any()


@pytest.mark.parametrize("env_id", SMALL)
def test_pickle_goes_on_where_it_was(env_id: str) -> None:
    env = gym.make(env_id).unwrapped
    walk(env, 1, steps=7)
    copy = pickle.loads(pickle.dumps(env))
    action = int(np.flatnonzero(env.get_wrapper_attr("action_masks")())[0])
    same(env.step(action), copy.step(action))
    same(env.reset(), copy.reset())


@pytest.mark.parametrize("env_id", SMALL)
def test_state_round_trip(env_id: str) -> None:
    env, other = gym.make(env_id).unwrapped, gym.make(env_id).unwrapped
    walk(env, 1, steps=7)
    other.get_wrapper_attr("set_state")(pickle.loads(pickle.dumps(env.get_wrapper_attr("get_state")())))
    state = env.get_wrapper_attr("get_state")()
    following = [env.step(0), env.reset(), env.step(1)]
    same(following, [other.step(0), other.reset(), other.step(1)])
    env.get_wrapper_attr("set_state")(state)
    same(following, [env.step(0), env.reset(), env.step(1)])


@pytest.mark.parametrize("env_id", SMALL)
def test_calls_share_no_arrays(env_id: str) -> None:
    env = gym.make(env_id)
    trace = walk(env, 2, steps=6, legal=0.5)
    frozen = pickle.loads(pickle.dumps(trace))
    arrays = []
    for entry in trace:
        arrays += [*entry[0].values(), entry[-1]["action_mask"]]
    for number, array in enumerate(arrays):
        assert not any(np.shares_memory(array, other) for other in arrays[:number])
    same(trace, frozen)
    # Scribbling over what was returned changes nothing inside.
    state = env.unwrapped.get_wrapper_attr("get_state")()
    for array in arrays:
        array[...] = 0
    same(state, env.unwrapped.get_wrapper_attr("get_state")())


def test_reset_takes_a_puzzle_and_leaves_it_alone() -> None:
    env = gym.make("SudokuPlanEdit-4x4-v0")
    puzzle = np.array([[1, 0, 0, 0], [0, 0, 3, 0], [0, 4, 0, 0], [0, 0, 0, 2]])
    before = puzzle.copy()
    observation, _ = env.reset(options={"puzzle": puzzle})
    np.testing.assert_array_equal(observation["instance"], puzzle.ravel())
    env.step(1 * 4 + 1)
    np.testing.assert_array_equal(puzzle, before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"puzle": 1}, "unknown reset options"),
        ({"puzzle": np.zeros(15, int)}, "16 cells"),
        ({"puzzle": np.zeros(16)}, "integer type, got float64"),
        ({"puzzle": np.full(16, 5)}, r"value 5 at cell 0; a 4x4 puzzle holds 0\.\.4"),
        ({"puzzle": np.array([1, 1] + [0] * 14)}, "digit 1 is given twice in row 1"),
        ({"puzzle": np.array([1, 2, 3, 4, 3, 4, 1, 2, 2, 1, 4, 3, 4, 3, 2, 1])}, "no cell is blank"),
    ],
)
def test_bad_reset_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gym.make("SudokuPlanEdit-4x4-v0").unwrapped.reset(options=options)


# Each blank of this Latin square has a row and a column that hold all symbols between them.
STUCK = np.array([1, 2, 0, 2, 1, 3, 3, 0, 1], np.int8)


def test_an_instance_without_a_legal_action_is_refused() -> None:
    PlanEditEnv(PlanEditMDP(Latin(3)), InstancePool(STUCK[None])).reset(seed=0)
    mdp = PlanEditMDP(Latin(3), legal_actions="consistent")
    with pytest.raises(ValueError, match="no action is legal"):
        PlanEditEnv(mdp, InstancePool(STUCK[None])).reset(options={"puzzle": STUCK})
    with pytest.raises(ValueError, match="no action is legal"):
        PlanEditVectorEnv(2, mdp, InstancePool(STUCK[None])).reset(seed=0)


def test_steps_outside_an_episode() -> None:
    env = gym.make("SudokuPlanEdit-4x4-v0", max_edits=1).unwrapped
    with pytest.raises(ResetNeeded):
        env.step(0)
    env.reset(seed=0)
    for action in (-1, 64):
        with pytest.raises(InvalidAction):
            env.step(action)
    with pytest.raises(TypeError):
        env.step(0.5)
    env.step(0)
    with pytest.raises(ResetNeeded):
        env.step(0)


@pytest.mark.parametrize("env_id", [env_id for env_id in SMALL if "PlanEdit" in env_id])
@pytest.mark.parametrize("keyword", ["violation_weight", "dead_end_weight"])
@pytest.mark.parametrize("weight", [float("nan"), float("inf"), float("-inf"), np.float32("nan"), -1e-9])
def test_checker_weights_are_finite_and_not_negative(env_id: str, keyword: str, weight: float) -> None:
    with pytest.raises(ValueError, match=rf"finite and not negative, got .*{keyword}={weight}"):
        gym.make(env_id, **{keyword: weight})


def test_bad_render_mode() -> None:
    with warnings.catch_warnings(), pytest.raises(ValueError, match="render_mode"):
        warnings.simplefilter("ignore")
        gym.make("SudokuPlanEdit-4x4-v0", render_mode="video", disable_env_checker=True).unwrapped.reset()


@pytest.mark.parametrize("seed", [True, np.False_])
def test_a_truth_value_is_no_seed(seed: object) -> None:
    for env_id in ("SudokuPlanEdit-4x4-v0", "Control-DoubleIntegrator-v0"):
        with pytest.raises(gym.error.Error, match=r"Seed must be a whole number of at least 0, got (True|False)"):
            gym.make(f"trm_envs:{env_id}").reset(seed=seed)
