"""Flat and one-hot observations say exactly what the Dict observation says."""

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

from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.wrappers import (
    FlatObservation,
    FlatVectorObservation,
    OneHotObservation,
    OneHotVectorObservation,
    flat,
    one_hot,
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


KINDS = [
    (OneHotObservation, OneHotVectorObservation, one_hot, from_one_hot),
    (FlatObservation, FlatVectorObservation, flat, from_flat),
]


@pytest.mark.parametrize("env_id", SMALL)
@pytest.mark.parametrize(("wrapper", "vector_wrapper", "function", "inverse"), KINDS)
def test_single_environment(env_id: str, wrapper: Any, vector_wrapper: Any, function: Any, inverse: Any) -> None:
    plain, wrapped = gym.make(env_id, max_edits=9), wrapper(gym.make(env_id, max_edits=9))
    rng = np.random.default_rng(0)
    (expected, info), (vector, _) = plain.reset(seed=0), wrapped.reset(seed=0)
    for _ in range(8):
        assert vector in wrapped.observation_space and vector.dtype == np.float32
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


@pytest.mark.parametrize("wrapper", [OneHotObservation, FlatObservation])
def test_gymnasium_checker_and_spec(wrapper: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # The wrapper is what is checked, on purpose.
        warnings.filterwarnings("ignore", message=".*different from the unwrapped version")
        warnings.filterwarnings("ignore", message=".*No render")
        env = wrapper(gym.make("SudokuPlanEdit-4x4-v0"))
        check_env(env, skip_render_check=True)
    assert env.spec is not None
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    same(env.reset(seed=1), again.reset(seed=1))


def test_other_environments_are_refused() -> None:
    with pytest.raises(AttributeError, match="mdp"):
        OneHotObservation(gym.make("CartPole-v1"))
    with pytest.raises(AttributeError, match="mdp"):
        OneHotVectorObservation(gym.make_vec("CartPole-v1", num_envs=2))
