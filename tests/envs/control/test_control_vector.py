"""The native vector environments equal `SyncVectorEnv` over single environments, bit for bit."""

from __future__ import annotations

import pickle
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from control_helpers import IDS, PLAN_EDIT, some_action
from gymnasium.error import InvalidAction, ResetNeeded
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from plan_edit_helpers import same
from stable_baselines3 import PPO, SAC

from trm_agents.common.vec_env import VectorEnvAdapter

MODES = list(AutoresetMode)
STEPS = {"Control-VanDerPol-v0": 110, "Control-PoweredDescent-v0": 60}


def pair(env_id: str, num_envs: int, mode: AutoresetMode, **options: Any) -> tuple[Any, Any]:
    """The native vector environment and the reference."""
    native = gym.make_vec(env_id, num_envs=num_envs, autoreset_mode=mode, **options)
    single = [lambda: gym.make(env_id, **options).unwrapped for _ in range(num_envs)]
    return native, SyncVectorEnv(single, autoreset_mode=mode)


def actions_of(rng: np.random.Generator, env: Any) -> np.ndarray[Any, Any]:
    return np.stack([some_action(rng, env.single_action_space) for _ in range(env.num_envs)])


def compare(native: Any, reference: Any, mode: AutoresetMode, steps: int) -> int:
    """Walk both through the same actions; how many episodes ended."""
    rng, ended = np.random.default_rng(1), 0
    same(native.reset(seed=0), reference.reset(seed=0))
    for _ in range(steps):
        actions = actions_of(rng, native)
        left, right = native.step(actions), reference.step(actions)
        same(left, right)
        done = left[2]
        ended += int(done.sum())
        if mode == AutoresetMode.DISABLED and done.any():
            resets = [env.reset(options={"reset_mask": done.copy()}) for env in (native, reference)]
            same(resets[0], resets[1])
    return ended


@pytest.mark.parametrize("env_id", IDS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("num_envs", [1, 5])
def test_equals_sync_vector_env(env_id: str, mode: AutoresetMode, num_envs: int) -> None:
    short = {"max_edits": 3} if env_id in PLAN_EDIT else {}
    native, reference = pair(env_id, num_envs, mode, **short)
    assert native.metadata["autoreset_mode"] is mode
    assert native.observation_space == reference.observation_space
    assert native.action_space == reference.action_space
    assert compare(native, reference, mode, steps=STEPS.get(env_id, 35)) > 0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "options",
    [
        {"edit": "plan", "observe": "gradient", "accept": "improving"},
        {"edit": "window", "shaping": False, "mu": 0.5, "split": "test", "ood": True},
        {"observe": "gradient", "mu": (0.5, 2.0), "generate": True},
    ],
)
def test_equals_sync_vector_env_with_every_option(mode: AutoresetMode, options: dict[str, Any]) -> None:
    native, reference = pair("ControlPlanEdit-VanDerPol-v0", 3, mode, max_edits=4, **options)
    assert compare(native, reference, mode, steps=14) > 0


@pytest.mark.parametrize(
    "options",
    [
        {"edit": "feedback", "observe": "gradient", "accept": "improving", "shallow": True},
        {"edit": "window", "shaping": False, "split": "test", "ood": True},
        {"observe": "gradient", "generate": True},
    ],
)
def test_descents_equal_sync_vector_env_with_every_option(options: dict[str, Any]) -> None:
    native, reference = pair("ControlPlanEdit-PoweredDescent-v0", 3, AutoresetMode.NEXT_STEP, max_edits=3, **options)
    assert compare(native, reference, AutoresetMode.NEXT_STEP, steps=9) > 0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("env_id", IDS)
def test_state_goes_between_native_and_single_environments(env_id: str, mode: AutoresetMode) -> None:
    native, reference = pair(env_id, 3, mode)
    rng = np.random.default_rng(0)
    native.reset(seed=0), reference.reset(seed=9)
    for _ in range(4):
        native.step(actions_of(rng, native))
    fresh = gym.make_vec(env_id, num_envs=3, autoreset_mode=mode).unwrapped
    for index, state in enumerate(pickle.loads(pickle.dumps(native.get_state()))):
        reference.envs[index].set_state(state)
        fresh.set_state(state, index)  # type: ignore[attr-defined]
    for _ in range(3):
        actions = actions_of(rng, native)
        left = native.step(actions)
        same(left, fresh.step(actions))
        same(left, reference.step(actions))


@pytest.mark.parametrize("env_id", IDS)
def test_bad_calls(env_id: str) -> None:
    env = gym.make_vec(env_id, num_envs=2)
    size = env.single_action_space.shape[0]
    with pytest.raises(ResetNeeded):
        env.step(np.zeros((2, size)))
    env.reset(seed=0)
    with pytest.raises(InvalidAction, match=rf"shape \(2, {size}\), got shape \({size},\)"):
        env.step(np.zeros(size))
    bad = np.zeros((2, size))
    bad[1, 0] = np.nan
    with pytest.raises(InvalidAction, match=r"got nan at index \(1, 0\)"):
        env.step(bad)
    with pytest.raises(ValueError, match="render_mode"):
        gym.make_vec(env_id, num_envs=1, render_mode="human")


def test_sb3_learns_on_them_natively_vectorised() -> None:
    for env_id, algorithm, policy, options in (
        ("ControlPlanEdit-VanDerPol-v0", PPO, "MultiInputPolicy", {"n_steps": 16, "batch_size": 32, "n_epochs": 1}),
        ("Control-VanDerPol-v0", SAC, "MlpPolicy", {"learning_starts": 32, "batch_size": 32}),
    ):
        env = VectorEnvAdapter(gym.make_vec(env_id, num_envs=4, autoreset_mode="SameStep"))
        model = algorithm(policy, env, seed=0, device="cpu", **options).learn(64)
        observation = env.reset()
        action, _ = model.predict(observation)
        assert env.action_space.contains(action[0]) and env.step(action)[1].shape == (4,)
