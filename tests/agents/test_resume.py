"""A run that was stopped anywhere, saved and loaded ends where an uninterrupted one does, to the bit."""

import warnings

import gymnasium as gym
import numpy as np
import pytest
from agent_helpers import EASY, ID, agent, assert_same_weights, sudoku, weights
from gymnasium.wrappers import FlattenObservation, TimeLimit
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from trm_agents import UPITRM

RESUMED = [
    *("default", "exact", "safe", "readout"),
    *("hindsight", "hindsight-search", "hindsight-carried", "hindsight-cells"),
]


class SaveAt(BaseCallback):
    def __init__(self, steps, path):
        super().__init__()
        self.steps, self.path = steps, path

    def _on_step(self):
        if self.num_timesteps == self.steps:
            self.model.save(self.path)
        return self.num_timesteps < self.steps


@pytest.mark.parametrize("name", RESUMED)
@pytest.mark.parametrize("stop_at", [64, 100])
def test_killed_and_resumed_run_equals_an_uninterrupted_one(name, stop_at, tmp_path):
    """Stopped at the end of a rollout (64) and in the middle of one (100), with episodes under way."""
    whole = agent(name).learn(160)
    agent(name).learn(160, callback=SaveAt(stop_at, tmp_path / "killed.zip"))
    resumed = type(whole).load(tmp_path / "killed.zip", env=sudoku(seed=77), device="cpu", force_reset=False)
    assert resumed.num_timesteps == stop_at
    resumed.learn(160 - stop_at, reset_num_timesteps=False)
    assert_same_weights(weights(whole), weights(resumed))
    assert whole.model_queries == resumed.model_queries
    assert whole.gradient_steps_done == resumed.gradient_steps_done
    assert whole.rng.bit_generator.state == resumed.rng.bit_generator.state
    if name.startswith("hindsight"):
        assert whole.memory.size == resumed.memory.size and whole.memory.next == resumed.memory.next
        assert np.array_equal(whole.memory._kept, resumed.memory._kept)


def resumed(make, tmp_path, **keywords):
    model = UPITRM("MlpPolicy", make(), n_steps=8, batch_size=8, device="cpu", seed=0).learn(46)
    model.save(tmp_path / "model.zip")
    loaded = UPITRM.load(tmp_path / "model.zip", env=make(), device="cpu", force_reset=False)
    return loaded.learn(16, reset_num_timesteps=False)


def cart_poles():
    return make_vec_env("CartPole-v1", 2, seed=0)


def limited():
    return DummyVecEnv([lambda: TimeLimit(FlattenObservation(gym.make(ID, **EASY)), 5)] * 2)


def normalised():
    return VecNormalize(DummyVecEnv([lambda: FlattenObservation(gym.make(ID, **EASY))] * 2))


@pytest.mark.parametrize(
    ("make", "missing"),
    [
        (cart_poles, "the environments, which offer no get_state, TimeLimit"),
        (limited, "TimeLimit"),
        (normalised, "VecNormalize, whose statistics its own save and load keep"),
    ],
)
def test_what_no_save_holds_is_named_when_a_run_is_resumed(make, missing, tmp_path):
    with pytest.warns(UserWarning, match=f"resuming is inexact: no saved model holds the state of {missing}$"):
        assert resumed(make, tmp_path).num_timesteps >= 62


def test_nothing_is_said_where_all_is_held(tmp_path):
    def with_statistics():
        env = normalised()
        env.reset()
        for _ in range(4):
            env.step(np.zeros(2, np.int64))
        return env

    for make in (lambda: DummyVecEnv([lambda: Monitor(FlattenObservation(gym.make(ID)))] * 2), with_statistics):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            resumed(make, tmp_path)


@pytest.mark.parametrize("name", ["default", "hindsight"])
def test_saving_what_was_just_loaded_loses_nothing(name, tmp_path):
    model = agent(name).learn(64)
    model.save(tmp_path / "first.zip")
    results = []
    for file in ("first.zip", "second.zip"):
        loaded = type(model).load(tmp_path / file, env=sudoku(seed=9), device="cpu", force_reset=False)
        loaded.save(tmp_path / "second.zip")
        results.append(weights(loaded.learn(64, reset_num_timesteps=False)))
    assert_same_weights(*results)
