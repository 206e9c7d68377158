"""MiniGrid as it is: its own wrappers, our wrapper around them, and algorithms on top (extra `minigrid`)."""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.env_checker import check_env

from trm_agents import UPITRM
from trm_envs.wrappers import PreviousActionObservation

pytest.importorskip("minigrid", reason="the extra `minigrid` is not installed")
from minigrid.wrappers import FullyObsWrapper, ImgObsWrapper

SIDES = {"MiniGrid-FourRooms-v0": 19, "MiniGrid-MultiRoom-N2-S4-v0": 25}


def full(env_id: str) -> gym.Env[Any, Any]:
    """The whole grid as an array, and nothing else."""
    return ImgObsWrapper(FullyObsWrapper(gym.make(env_id)))


@pytest.mark.parametrize("env_id", SIDES)
def test_the_whole_grid_is_an_array(env_id: str) -> None:
    env = full(env_id)
    space = env.observation_space
    assert space.shape == (SIDES[env_id], SIDES[env_id], 3) and space.dtype == np.uint8
    observation, _ = env.reset(seed=0)
    assert observation in space and (env.reset(seed=0)[0] == observation).all()
    with warnings.catch_warnings():
        # SB3 says of small images that NatureCNN takes none.
        warnings.simplefilter("ignore")
        check_env(env, skip_render_check=True)


@pytest.mark.parametrize("env_id", SIDES)
def test_the_action_before_is_told(env_id: str) -> None:
    env = PreviousActionObservation(full(env_id))
    told = [env.reset(seed=0)[0], env.step(2)[0], env.step(0)[0]]
    assert [observation["previous_action"] for observation in told] == [7, 2, 0]
    assert all(observation in env.observation_space for observation in told)


@pytest.mark.parametrize("env_id", SIDES)
def test_algorithms_run_on_it(env_id: str) -> None:
    small = {"n_steps": 8, "batch_size": 8, "n_epochs": 1, "device": "cpu", "seed": 0}
    model = PPO("MlpPolicy", full(env_id), **small).learn(8)
    action, _ = model.predict(full(env_id).reset(seed=0)[0], deterministic=True)
    assert 0 <= int(action) < 7
    assert UPITRM("MlpPolicy", full(env_id), **small).learn(8).num_timesteps == 8
