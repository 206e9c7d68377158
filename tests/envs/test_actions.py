"""Which actions `step` takes: integers of the right shape, and nothing that would be cut off to integers."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import InvalidAction
from plan_edit_helpers import same

ENV_ID = "SudokuPlanEdit-4x4-v0"

NO_INTEGERS = [0.5, 3.0, "3", 3 + 0j, True, None, b"3", np.float32(3), np.datetime64(3, "s"), np.timedelta64(3, "s")]


def batch() -> Any:
    """Two episodes at once."""
    env = gym.make_vec(ENV_ID, num_envs=2).unwrapped
    env.reset(seed=0)
    return env


def single() -> Any:
    """One episode."""
    env = gym.make(ENV_ID).unwrapped
    env.reset(seed=0)
    return env


@pytest.mark.parametrize("value", NO_INTEGERS, ids=repr)
@pytest.mark.parametrize("form", [list, np.array])
def test_a_batch_of_no_integers_is_refused_and_changes_nothing(value: Any, form: Any) -> None:
    env = batch()
    before = env.get_state()
    with pytest.raises(TypeError, match=r"integer dtype and shape \(2,\), got dtype .* and shape \(2,\)"):
        env.step(form([value, value]))
    same(env.get_state(), before)


@pytest.mark.parametrize("actions", [[False, 16], (3, True), [np.True_, 3]])
def test_a_truth_value_among_integers_is_none(actions: Any) -> None:
    """NumPy makes an array of integers of them."""
    with pytest.raises(TypeError, match=r"integer dtype and shape \(2,\), got dtype object"):
        batch().step(actions)


@pytest.mark.parametrize("value", [*NO_INTEGERS, np.True_, [3], np.array([3]), np.array(3.0)], ids=repr)
def test_one_action_that_is_no_integer_is_refused_and_changes_nothing(value: Any) -> None:
    env = single()
    before = env.get_state()
    with pytest.raises(TypeError, match=r"integer dtype and shape \(\), got .* of dtype .* and shape \("):
        env.step(value)
    same(env.get_state(), before)


@pytest.mark.parametrize(
    "actions", [3, [3], [3, 4, 5], [[3, 4]], [[3], [4]], [[3], [4, 5]], np.array([2**63, 3], "u8"), [-1, 3]]
)
def test_a_wrong_shape_or_value_is_refused_with_the_right_shape(actions: Any) -> None:
    with pytest.raises(InvalidAction, match=r"actions must have shape \(2,\)"):
        batch().step(actions)


@pytest.mark.parametrize("dtype", "bBhHiIlLqQ")
def test_every_integer_dtype_and_lists_of_integers_mean_the_same(dtype: str) -> None:
    expected = batch().step(np.array([3, 60]))
    same(batch().step(np.array([3, 60], dtype)), expected)
    same(batch().step(list(np.array([3, 60], dtype))), expected)
    same(batch().step((3, 60)), expected)
    same(single().step(np.array(60, dtype)), single().step(60))
    same(single().step(np.array(60, dtype)[()]), single().step(60))
