"""Flat, one-hot, plane and image observations say exactly what the Dict observation says."""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from plan_edit_helpers import SMALL, same, some_action
from stable_baselines3 import PPO
from stable_baselines3.common.env_checker import check_env as sb3_check
from stable_baselines3.common.torch_layers import NatureCNN

from trm_agents.common.vec_env import VectorEnvAdapter
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.wrappers import (
    FlatObservation,
    FlatVectorObservation,
    ImageObservation,
    ImageVectorObservation,
    OneHotObservation,
    OneHotVectorObservation,
    PlanesObservation,
    PlanesVectorObservation,
    PreviousActionObservation,
    PreviousActionVectorObservation,
    flat,
    image,
    one_hot,
    planes,
)


def from_one_hot(vectors: Any, mdp: PlanEditMDP) -> dict[str, Any]:
    cells, instance_kinds, plan_kinds = mdp.task.n_cells, mdp.task.instance_high + 1, mdp.task.plan_high + 1
    instance, plan, left = np.split(vectors, [cells * instance_kinds, cells * (instance_kinds + plan_kinds)], axis=1)
    assert (instance.reshape(-1, cells, instance_kinds).sum(axis=2) == 1).all()
    assert (plan.reshape(-1, cells, plan_kinds).sum(axis=2) == 1).all()
    return {
        "instance": instance.reshape(-1, cells, instance_kinds).argmax(axis=2).astype(np.int8),
        "plan": plan.reshape(-1, cells, plan_kinds).argmax(axis=2).astype(np.int8),
        "remaining_edits": np.rint(left * mdp.max_edits).astype(np.int32),
    }


def from_flat(vectors: Any, mdp: PlanEditMDP) -> dict[str, Any]:
    cells = mdp.task.n_cells
    instance, plan, left = np.split(vectors, [cells, 2 * cells], axis=1)
    return {
        "instance": np.rint(instance * mdp.task.instance_high).astype(np.int8),
        "plan": np.rint(plan * mdp.task.plan_high).astype(np.int8),
        "remaining_edits": np.rint(left * mdp.max_edits).astype(np.int32),
    }


def from_planes(found: Any, mdp: PlanEditMDP) -> dict[str, Any]:
    task, cells = mdp.task, found.reshape(*found.shape[:2], -1)
    instances, plans, left = np.split(cells, [task.instance_high, task.instance_high + task.plan_high], axis=1)
    assert set(np.unique(instances)) | set(np.unique(plans)) <= {0, 1}
    assert instances.sum(axis=1).max() <= 1 and plans.sum(axis=1).max() <= 1
    assert (left == left[:, :, :1]).all()
    return {
        "instance": (instances * np.arange(1, task.instance_high + 1)[:, None]).sum(axis=1).astype(np.int8),
        "plan": (plans * np.arange(1, task.plan_high + 1)[:, None]).sum(axis=1).astype(np.int8),
        "remaining_edits": np.rint(left[:, 0, :1] * mdp.max_edits).astype(np.int32),
    }


def from_image(found: Any, mdp: PlanEditMDP) -> dict[str, Any]:
    (rows, columns), task = mdp.task.shape, mdp.task
    scale = found.shape[1] // rows
    assert min(found.shape[1:3]) >= 36 and found.shape[2] == scale * columns
    cells = found[:, ::scale, ::scale]
    assert (cells.repeat(scale, axis=1).repeat(scale, axis=2) == found).all(), "a cell has one colour"
    red, green, blue = np.moveaxis(cells.reshape(len(found), -1, 3), 2, 0).astype(float)
    return {
        "instance": np.rint((255 - red) / 255 * task.instance_high).astype(np.int8),
        "plan": np.rint((255 - green) / 255 * task.plan_high).astype(np.int8),
        "remaining_edits": np.rint(blue[:, :1] / 255 * mdp.max_edits).astype(np.int32),
    }


KINDS = [
    (OneHotObservation, OneHotVectorObservation, one_hot, from_one_hot),
    (FlatObservation, FlatVectorObservation, flat, from_flat),
    (PlanesObservation, PlanesVectorObservation, planes, from_planes),
    (ImageObservation, ImageVectorObservation, image, from_image),
]
ALL = [OneHotObservation, FlatObservation, PlanesObservation, ImageObservation, PreviousActionObservation]


@pytest.mark.parametrize("env_id", SMALL)
@pytest.mark.parametrize(("wrapper", "vector_wrapper", "function", "inverse"), KINDS)
def test_single_environment(env_id: str, wrapper: Any, vector_wrapper: Any, function: Any, inverse: Any) -> None:
    plain, wrapped = gym.make(env_id, max_edits=9), wrapper(gym.make(env_id, max_edits=9))
    rng = np.random.default_rng(0)
    (expected, info), (vector, _) = plain.reset(seed=0), wrapped.reset(seed=0)
    for _ in range(8):
        assert vector in wrapped.observation_space and vector.dtype == wrapped.observation_space.dtype
        same({key: batch[0] for key, batch in inverse(vector[None], wrapped.mdp).items()}, expected)
        np.testing.assert_array_equal(wrapped.get_wrapper_attr("action_masks")(), info["action_mask"])
        action = some_action(rng, info["action_mask"], 0.8)
        expected, _, terminated, _, info = plain.step(action)
        vector = wrapped.step(action)[0]
        if terminated:
            (expected, info), (vector, _) = plain.reset(), wrapped.reset()


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize(("wrapper", "vector_wrapper", "function", "inverse"), KINDS)
def test_vector_environment(
    mode: AutoresetMode, wrapper: Any, vector_wrapper: Any, function: Any, inverse: Any
) -> None:
    plain, wrapped = (
        gym.make_vec("SudokuPlanEdit-4x4-v0", num_envs=3, autoreset_mode=mode, max_edits=2) for _ in range(2)
    )
    wrapped = vector_wrapper(wrapped)
    mdp = wrapped.mdp
    expected, vectors = plain.reset(seed=0)[0], wrapped.reset(seed=0)[0]
    for _ in range(2):
        assert vectors in wrapped.observation_space and vectors[0] in wrapped.single_observation_space
        same(inverse(vectors, mdp), expected)
        same(vectors, function(expected, mdp))
        actions = np.array([1, 2, 3])
        (expected, *rest, info), (vectors, *wrapped_rest, wrapped_info) = plain.step(actions), wrapped.step(actions)
        same(rest, wrapped_rest)
        np.testing.assert_array_equal(wrapped.action_masks(), plain.unwrapped.action_masks())  # type: ignore[attr-defined]
    assert ("final_obs" in info) == (mode == AutoresetMode.SAME_STEP) == ("final_obs" in wrapped_info)
    if mode == AutoresetMode.SAME_STEP:
        for row in range(3):
            one = {key: value[None] for key, value in info["final_obs"][row].items()}
            same(inverse(wrapped_info["final_obs"][row][None], mdp), one)


@pytest.mark.parametrize("wrapper", ALL)
@pytest.mark.parametrize("env_id", ["SudokuPlanEdit-4x4-v0", "MazeWalk-9x9-v0"])
def test_checkers_and_spec(wrapper: Any, env_id: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # The wrapper is what is checked, on purpose.
        warnings.filterwarnings("ignore", message=".*different from the unwrapped version")
        warnings.filterwarnings("ignore", message=".*No render")
        env = wrapper(gym.make(env_id))
        check_env(env, skip_render_check=True)
        if wrapper is PlanesObservation:
            # SB3's checker takes every box of three dimensions for an image of bytes, and warns that it is none.
            warnings.simplefilter("ignore")
        sb3_check(env, skip_render_check=True)
    assert env.spec is not None
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    same(env.reset(seed=1), again.reset(seed=1))


def test_the_action_before_is_told() -> None:
    env = PreviousActionObservation(gym.make("MazeWalk-5x5-v0", max_edits=3))
    plain = gym.make("MazeWalk-5x5-v0", max_edits=3)
    told, (expected, _) = [env.reset(seed=0)[0]], plain.reset(seed=0)
    same({key: value for key, value in told[0].items() if key != "previous_action"}, expected)
    told += [env.step(action)[0] for action in (2, 0)]
    told.append(env.reset()[0])
    assert [observation["previous_action"] for observation in told] == [4, 2, 0, 4]
    assert all(observation in env.observation_space for observation in told)
    stacked = PreviousActionObservation(PlanesObservation(gym.make("MazeWalk-5x5-v0")))
    observation = stacked.reset(seed=0)[0]
    assert set(observation) == {"observation", "previous_action"} and observation in stacked.observation_space
    assert PreviousActionObservation(gym.make("CartPole-v1")).reset(seed=0)[0]["previous_action"] == 2
    with pytest.raises(ValueError, match="Discrete action spaces"):
        PreviousActionObservation(gym.make("Pendulum-v1"))


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_the_action_before_of_many_episodes(mode: AutoresetMode) -> None:
    """As single environments that are reset as the mode says."""
    env = PreviousActionVectorObservation(
        gym.make_vec("MazeWalk-5x5-v0", num_envs=3, autoreset_mode=mode, max_edits=2, ends="any")
    )
    rng = np.random.default_rng(0)
    expected, ended = np.full(3, 4), np.zeros(3, np.bool_)
    assert env.reset(seed=0)[0]["previous_action"].tolist() == [4, 4, 4]
    begun = 0
    for _ in range(20):
        actions = rng.integers(4, size=3)
        observations, _, terminated, _, info = env.step(actions)
        new = {AutoresetMode.SAME_STEP: terminated, AutoresetMode.NEXT_STEP: ended}.get(mode, np.zeros(3, np.bool_))
        expected, ended = np.where(new, 4, actions), terminated
        assert observations["previous_action"].tolist() == expected.tolist() and observations in env.observation_space
        begun += int(new.sum())
        if mode == AutoresetMode.SAME_STEP and terminated.any():
            rows = np.flatnonzero(info["_final_obs"])
            assert [info["final_obs"][row]["previous_action"] for row in rows] == actions[rows].tolist()
        if mode == AutoresetMode.DISABLED and terminated.any():
            observations, _ = env.reset(options={"reset_mask": terminated.copy()})
            assert observations["previous_action"].tolist() == np.where(terminated, 4, actions).tolist()
            begun += int(terminated.sum())
    assert begun > 0
    assert env.action_masks().shape == (3, 4)


def test_sb3_reads_every_form() -> None:
    """`CnnPolicy` its images, and `MultiInputPolicy` the action before; a few steps say that shapes fit."""
    make = gym.make_vec("MazeWalk-5x5-v0", num_envs=2, autoreset_mode=AutoresetMode.SAME_STEP, max_edits=5)
    small = {"n_steps": 4, "batch_size": 8, "n_epochs": 1, "device": "cpu"}
    model = PPO("CnnPolicy", VectorEnvAdapter(ImageVectorObservation(make)), **small).learn(8)
    assert isinstance(model.policy.features_extractor, NatureCNN)
    for wrapper, policy in (
        (PlanesVectorObservation, "MlpPolicy"),
        (PreviousActionVectorObservation, "MultiInputPolicy"),
    ):
        env = gym.make_vec("MazeWalk-5x5-v0", num_envs=2, autoreset_mode=AutoresetMode.SAME_STEP, max_edits=5)
        assert PPO(policy, VectorEnvAdapter(wrapper(env)), **small).learn(8).num_timesteps == 8


def test_other_environments_are_refused() -> None:
    with pytest.raises(AttributeError, match="mdp"):
        OneHotObservation(gym.make("CartPole-v1"))
    with pytest.raises(AttributeError, match="mdp"):
        OneHotVectorObservation(gym.make_vec("CartPole-v1", num_envs=2))
