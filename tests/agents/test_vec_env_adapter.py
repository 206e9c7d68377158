"""The adapter behaves as SB3's own `DummyVecEnv` over the same single environments."""

from __future__ import annotations

import pickle
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import TimeLimit
from plan_edit_helpers import SMALL, same
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecMonitor

from trm_agents.common.vec_env import VectorEnvAdapter
from trm_envs.wrappers import OneHotObservation, OneHotVectorObservation

SUDOKU = "SudokuPlanEdit-4x4-v0"


def native(env_id: str = SUDOKU, num_envs: int = 3, **options: Any) -> Any:
    return gym.make_vec(env_id, num_envs=num_envs, autoreset_mode=AutoresetMode.SAME_STEP, **options)


def plain(value: Any) -> Any:
    """Dicts for SB3's ordered ones."""
    return dict(value) if isinstance(value, dict) else value


def compare(left: VecEnv, right: VecEnv, steps: int, masked: bool = True) -> int:
    """Walk both through the same actions; how many episodes ended."""
    rng = np.random.default_rng(0)
    left.seed(5), right.seed(5)
    same(plain(left.reset()), plain(right.reset()))
    same(left.reset_infos, right.reset_infos)
    ended = 0
    for _ in range(steps):
        actions = np.array([left.action_space.sample() for _ in range(left.num_envs)])
        if masked:
            masks = get_action_masks(left)
            same(masks, get_action_masks(right))
            actions = np.array([rng.choice(np.flatnonzero(mask)) for mask in masks])
        (observations, *rest), (expected, *expected_rest) = left.step(actions), right.step(actions)
        same(plain(observations), plain(expected))
        same(rest, expected_rest)
        same(left.reset_infos, right.reset_infos)
        ended += int(rest[1].sum())
    return ended


@pytest.mark.parametrize("env_id", SMALL)
@pytest.mark.parametrize("monitor", [False, True])
def test_equals_dummy_vec_env(env_id: str, monitor: bool) -> None:
    options = {"max_edits": 6}
    left: VecEnv = VectorEnvAdapter(native(env_id, **options))
    right: VecEnv = DummyVecEnv([lambda: gym.make(env_id, **options) for _ in range(3)])
    if not monitor:
        assert compare(left, right, steps=20) > 0
        return
    left, right = VecMonitor(left), VecMonitor(right)
    left.seed(0), right.seed(0)
    left.reset(), right.reset()
    lengths = []
    for _ in range(6):
        infos, expected = (env.step(np.zeros(3, np.int64))[3] for env in (left, right))
        for info, other in zip(infos, expected, strict=True):
            ended = "episode" in info
            assert ended == ("episode" in other) == ("terminal_observation" in info)
            if ended:
                assert info["episode"]["l"] == other["episode"]["l"]
                lengths.append(info["episode"]["l"])
    # Where an episode can be lost or won by one and the same action, some are shorter.
    assert max(lengths) <= 6 and len(lengths) >= 3
    assert "PlanEdit" not in env_id or lengths == [6, 6, 6]


def test_one_hot_equals_dummy_vec_env() -> None:
    left = VectorEnvAdapter(OneHotVectorObservation(native(blanks=(1, 4), legal_actions="consistent")))
    right = DummyVecEnv(
        [lambda: OneHotObservation(gym.make(SUDOKU, blanks=(1, 4), legal_actions="consistent")) for _ in range(3)]
    )
    assert compare(left, right, steps=30) > 0


@pytest.mark.parametrize("limit", [5, 500])
def test_any_vector_environment_equals_dummy_vec_env(limit: int) -> None:
    def make() -> gym.Env[Any, Any]:
        return TimeLimit(gym.make("CartPole-v1").unwrapped, limit)

    left = VectorEnvAdapter(SyncVectorEnv([make] * 2, autoreset_mode=AutoresetMode.SAME_STEP))
    right = DummyVecEnv([make] * 2)
    left.action_space.seed(0)
    assert compare(left, right, steps=60, masked=False) > 0
    same(left.get_attr("gravity"), right.get_attr("gravity"))
    assert not is_masking_supported(left)
    assert left.env_is_wrapped(TimeLimit) == right.env_is_wrapped(TimeLimit) == [True, True]
    for env in (left, right):
        env.set_attr("note", 3, indices=[1])
        assert env.get_attr("note", indices=1) == [3]


def test_time_limits_are_told_from_ends() -> None:
    def make() -> gym.Env[Any, Any]:
        return TimeLimit(gym.make("CartPole-v1").unwrapped, 2)

    env = VectorEnvAdapter(SyncVectorEnv([make], autoreset_mode=AutoresetMode.SAME_STEP))
    env.seed(0)
    env.reset()
    truncated = [env.step(np.array([0]))[3][0]["TimeLimit.truncated"] for _ in range(2)]
    assert truncated == [False, True]
    sudoku = VectorEnvAdapter(native(num_envs=1, max_edits=1))
    sudoku.reset()
    _, rewards, dones, infos = sudoku.step(np.array([0]))
    assert dones[0] and infos[0]["TimeLimit.truncated"] is False and rewards.dtype == np.float32


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.DISABLED])
def test_other_autoreset_modes_are_refused(mode: AutoresetMode) -> None:
    with pytest.raises(ValueError, match=r"autoreset_mode=AutoresetMode\.SAME_STEP"):
        VectorEnvAdapter(gym.make_vec(SUDOKU, num_envs=2, autoreset_mode=mode))


@pytest.mark.parametrize("kind", ["native", "single"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_state_round_trip(kind: str, wrapped: bool) -> None:
    def make() -> VecEnv:
        if kind == "native":
            return VectorEnvAdapter(OneHotVectorObservation(native()) if wrapped else native())
        single = (lambda: OneHotObservation(gym.make(SUDOKU))) if wrapped else (lambda: gym.make(SUDOKU))
        return VecMonitor(DummyVecEnv([single] * 3))

    env, other = make(), make()
    env.seed(1)
    env.reset()
    actions = np.array([0, 17, 40])
    for _ in range(5):
        env.step(actions)
    states = pickle.loads(pickle.dumps(env.env_method("get_state")))
    assert len(states) == 3
    if kind == "single":
        # Gymnasium's order check wants one reset of each environment, whatever the state.
        other.reset()
    for index, state in enumerate(states):
        other.env_method("set_state", state, indices=index)
    for _ in range(15):
        left, right = env.step(actions), other.step(actions)
        same(plain(left[0]), plain(right[0]))
        same(left[1:3], right[1:3])


def test_attributes_and_methods() -> None:
    env = VectorEnvAdapter(OneHotVectorObservation(native()))
    env.reset()
    assert env.get_attr("mdp") == [env.get_attr("mdp", indices=0)[0]] * 3
    assert is_masking_supported(env) and not env.has_attr("no_such_thing")
    with pytest.raises(AttributeError, match="no_such_thing"):
        env.env_method("no_such_thing")
    masks = env.env_method("action_masks", indices=[2, 0])
    assert len(masks) == 2 and masks[0].shape == (64,) and masks[0].dtype == np.bool_
    env.set_attr("source", env.get_attr("source")[0])
    with pytest.raises(ValueError, match="shared by all"):
        env.set_attr("source", None, indices=[0])
    assert env.env_is_wrapped(OneHotVectorObservation) == [True] * 3  # type: ignore[arg-type]
    assert env.env_is_wrapped(TimeLimit, indices=0) == [False]


def test_options_and_frames() -> None:
    env = VectorEnvAdapter(native(render_mode="rgb_array"))
    puzzle = np.array([1] + [0] * 15)
    env.set_options({"puzzle": puzzle})
    observations = env.reset()
    assert isinstance(observations, dict)
    np.testing.assert_array_equal(observations["instance"], np.tile(puzzle, (3, 1)))
    assert (env.reset()["instance"] != observations["instance"]).any()  # type: ignore[call-overload, index]
    images = env.get_images()
    assert len(images) == 3 and images[0] is not None and images[0].dtype == np.uint8
    assert env.render() is not None
    env.close()


@pytest.mark.parametrize("mode", ["native", "sync", "async"])
@pytest.mark.parametrize("begun", [False, True])
def test_options_of_single_environments_equal_dummy_vec_env(mode: str, begun: bool) -> None:
    """Puzzles of their own for some, seeds for all, and later draws of the same generators."""
    how = {} if mode == "native" else {"vectorization_mode": mode, "vector_kwargs": {}}
    if how:
        how["vector_kwargs"] = {"autoreset_mode": AutoresetMode.SAME_STEP}
    made = native(max_edits=6) if mode == "native" else gym.make_vec(SUDOKU, num_envs=3, max_edits=6, **how)
    left: VecEnv = VectorEnvAdapter(made)
    right: VecEnv = DummyVecEnv([lambda: gym.make(SUDOKU, max_edits=6) for _ in range(3)])
    puzzles = [np.array([digit] + [0] * 15) for digit in (1, 2)]
    if begun:
        left.seed(8), right.seed(8)
        same(plain(left.reset()), plain(right.reset()))
    for seed in (5, None):
        for env in (left, right):
            env.seed(seed) if seed is not None else None
            env.set_options([{"puzzle": puzzles[0]}, {}, {"puzzle": puzzles[1]}])
        found, expected = plain(left.reset()), plain(right.reset())
        same(found, expected)
        same(left.reset_infos, right.reset_infos)
        assert found["instance"][:, 0].tolist()[::2] == [1, 2]
        for _ in range(7):
            actions = np.array([np.flatnonzero(mask)[0] for mask in get_action_masks(right)])
            (observations, *rest), (others, *others_rest) = left.step(actions), right.step(actions)
            same(plain(observations), plain(others))
            same(rest, others_rest)
        same(plain(left.reset()), plain(right.reset()))
    left.close(), right.close()


@pytest.mark.parametrize("algorithm", [PPO, MaskablePPO])
def test_sb3_learns_through_the_adapter(algorithm: Any) -> None:
    env = VecMonitor(VectorEnvAdapter(native(num_envs=4)))
    model = algorithm("MultiInputPolicy", env, n_steps=16, batch_size=32, n_epochs=1, seed=0, device="cpu")
    model.learn(128)
    assert model.num_timesteps == 128
