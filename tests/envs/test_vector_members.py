"""The native vector environment speaks of its sub-environments as `SyncVectorEnv` does."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import matplotlib.pyplot as plt
import numpy as np
import pytest
from gymnasium.error import InvalidAction, ResetNeeded
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from plan_edit_helpers import same

from trm_envs import InstancePool

SUDOKU, MAZE = "SudokuPlanEdit-4x4-v0", "MazePlanEdit-5x5-v0"
SYSTEMS = ["ControlPlanEdit-DoubleIntegrator-v0", "Control-VanDerPol-v0"]


def native(env_id: str = SUDOKU, count: int = 3, **options: Any) -> Any:
    return gym.make_vec(env_id, num_envs=count, **options)


def reference(env_id: str = SUDOKU, count: int = 3, mode: Any = AutoresetMode.NEXT_STEP, **options: Any) -> Any:
    made = [lambda: gym.make(env_id, disable_env_checker=True, **options) for _ in range(count)]
    return SyncVectorEnv(made, autoreset_mode=mode)


def legal(env: Any, rng: np.random.Generator) -> Any:
    return np.array([rng.choice(np.flatnonzero(mask)) for mask in env.action_masks()])


@pytest.mark.parametrize("env_id", [SUDOKU, MAZE])
def test_calls_give_what_single_environments_give(env_id: str) -> None:
    left, right, rng = (
        native(env_id, render_mode="ansi"),
        reference(env_id, render_mode="ansi"),
        np.random.default_rng(0),
    )
    left.reset(seed=[4, 7, 9]), right.reset(seed=[4, 7, 9])
    for _ in range(6):
        actions = legal(left, rng)
        left.step(actions), right.step(actions)
        for name in ("action_masks", "render", "get_state"):
            same(left.call(name), right.call(name))
        for name in ("np_random_seed", "render_mode", "action_space", "observation_space", "metadata"):
            assert left.get_attr(name) == right.get_attr(name)
    assert [mdp.max_edits for mdp in left.get_attr("mdp")] == [mdp.max_edits for mdp in right.get_attr("mdp")]
    assert [spec.id for spec in left.get_attr("spec")] == [env_id] * 3


def test_calls_that_move_episodes_move_those_of_the_batch() -> None:
    left, right = native(), reference()
    left.reset(seed=0), right.reset(seed=0)
    same(left.call("step", 5), right.call("step", 5))
    same(left.call("reset", seed=8), right.call("reset", seed=8))
    same(left.step(np.array([1, 2, 3])), right.step(np.array([1, 2, 3])))
    state = right.call("get_state")[1]
    left.call("set_state", state)
    same(left.call("get_state"), (state,) * 3)


def test_the_first_episodes_may_begin_by_a_call() -> None:
    left, right = native(), reference()
    for env in (left, right):
        with pytest.raises(ResetNeeded):
            env.call("action_masks")
    same(left.call("reset", seed=3), right.call("reset", seed=3))
    same(left.call("action_masks"), right.call("action_masks"))


def test_a_call_changes_nothing_that_it_does_not_say() -> None:
    for mode in AutoresetMode:
        left = native(autoreset_mode=mode, max_edits=2)
        other = native(autoreset_mode=mode, max_edits=2)
        rng = np.random.default_rng(0)
        same(left.reset(seed=1), other.reset(seed=1))
        for _ in range(7):
            left.call("action_masks"), left.get_attr("np_random"), left.set_attr("mark", 1)
            actions = legal(left, rng)
            result = left.step(actions)
            same(result, other.step(actions))
            if mode == AutoresetMode.DISABLED and result[2].any():
                mask = {"reset_mask": result[2]}
                same(left.reset(options=dict(mask)), other.reset(options=dict(mask)))


def test_seeds_are_known_as_in_single_environments() -> None:
    left, right = native(), reference()
    assert len(set(left.np_random_seed)) == 3
    for seed in (5, [1, None, 3], None, [None, 8, None]):
        known = left.np_random_seed
        left.reset(seed=seed), right.reset(seed=seed)
        if seed is None:
            assert left.np_random_seed == known == right.np_random_seed
        assert left.np_random_seed == right.np_random_seed
        assert [r.random() for r in left.np_random] == [r.random() for r in right.np_random]
    left.reset(seed=5, options={"reset_mask": np.array([True, False, True])})
    assert left.np_random_seed == (5, 8, 7)
    generators = [np.random.default_rng(n) for n in range(3)]
    left.set_attr("np_random", generators)
    assert left.np_random == tuple(generators) and left.np_random_seed == (-1, -1, -1)


def test_attributes_are_set_for_each_or_for_all() -> None:
    left, right = native(), reference()
    for env in (left, right):
        env.set_attr("label", ["a", "b", "c"])
        assert env.get_attr("label") == ("a", "b", "c")
        env.set_attr("label", "all")
        assert env.get_attr("label") == ("all",) * 3
        with pytest.raises(ValueError, match="2"):
            env.set_attr("label", ["a", "b"])
        with pytest.raises(AttributeError):
            env.get_attr("nothing")
        with pytest.raises(AttributeError):
            env.call("nothing", 1)


def test_what_sub_environments_share_is_set_for_all() -> None:
    env = native(render_mode="ansi")
    env.reset(seed=0)
    assert isinstance(env.render()[0], str)
    env.set_attr("render_mode", "rgb_array")
    assert env.render()[0].shape[2] == 3 and env.call("render")[0].shape[2] == 3
    source = env.unwrapped.source
    with pytest.raises(ValueError, match="'source' is shared by all"):
        env.set_attr("source", [source, source, InstancePool(source.instances)])
    one = InstancePool(source.instances[:1])
    env.set_attr("source", one)
    assert env.get_attr("source") == (one,) * 3
    assert (env.reset(seed=1)[0]["instance"] == one.instances).all()
    for name in ("mdp", "rules"):
        with pytest.raises(ValueError, match="make another environment"):
            env.set_attr(name, env.get_attr(name)[0])


@pytest.mark.parametrize("mode", AutoresetMode)
@pytest.mark.parametrize("limit", [1, 3, 7, 20])
def test_a_time_limit_truncates_as_the_wrapper_does(mode: AutoresetMode, limit: int) -> None:
    options = {"max_episode_steps": limit, "max_edits": 7, "blanks": (1, 4)}
    left, right = native(autoreset_mode=mode, **options), reference(mode=mode, **options)
    assert left.max_episode_steps == limit and left.get_attr("spec")[0].max_episode_steps == limit
    rng, cut = np.random.default_rng(0), 0
    same(left.reset(seed=0), right.reset(seed=0))
    for _ in range(40):
        actions = legal(left, rng)
        result = left.step(actions)
        same(result, right.step(actions))
        cut += int((result[3] & ~result[2]).sum())
        ended = result[2] | result[3]
        if mode == AutoresetMode.DISABLED and ended.any():
            same(left.reset(options={"reset_mask": ended}), right.reset(options={"reset_mask": ended.copy()}))
    assert (cut > 0) == (limit < 7)


@pytest.mark.parametrize("env_id", SYSTEMS)
def test_systems_have_members_and_time_limits_too(env_id: str) -> None:
    left, right = native(env_id, max_episode_steps=3), reference(env_id, max_episode_steps=3)
    same(left.reset(seed=0), right.reset(seed=0))
    assert left.np_random_seed == right.np_random_seed == (0, 1, 2)
    rng, cut = np.random.default_rng(0), 0
    for _ in range(9):
        actions = rng.uniform(-1, 1, left.action_space.shape)
        result = left.step(actions)
        same(result, right.step(actions))
        cut += int(result[3].sum())
        if not result[3].any():
            same(left.call("get_state"), right.call("get_state"))
    assert cut > 0


def test_truncated_episodes_teach_an_adaptive_source_nothing() -> None:
    progress = {}
    for limit in (2, None):
        env = native(max_episode_steps=limit, max_edits=4, retry=0.5)
        env.reset(seed=0)
        for _ in range(60):
            env.step(np.zeros(3, np.int64))
        progress[limit] = env.unwrapped.source.progress
    assert progress[2] != progress[None]
    assert not any(progress[2].values())


@pytest.mark.parametrize("limit", [0, -1, 2.5, "3", True])
def test_a_time_limit_is_a_whole_number(limit: Any) -> None:
    with pytest.raises(ValueError, match="max_episode_steps must be"):
        native(max_episode_steps=limit)


def test_batches_of_the_wrong_kind_are_type_or_value_errors() -> None:
    env = native(count=2)
    env.reset(seed=0)
    for actions in (3, np.array(3), None, [0.5, 1.5], ["1", "2"], [1j, 2j], [True, False], [None, 1]):
        with pytest.raises(TypeError, match=r"actions must .*shape \(2,\)"):
            env.step(actions)
    for actions in ([1], [1, 2, 3], [[1, 2]], [[1], [2, 3]], [-1, 0], [64, 0]):
        with pytest.raises(ValueError, match=r"actions must have shape \(2,\)") as error:
            env.step(actions)
        assert isinstance(error.value, InvalidAction)


def test_each_human_environment_has_a_window_of_its_own() -> None:
    plt.close("all")
    envs: list[Any] = [gym.make(env_id, render_mode="human").unwrapped for env_id in (SUDOKU, MAZE)]
    for env in envs:
        env.metadata = {**env.metadata, "render_fps": 1000}
        env.reset(seed=0)
    first, second = plt.get_fignums()
    shown = [np.asarray(plt.figure(number).axes[0].images[0].get_array()) for number in (first, second)]
    for env, image in zip(envs, shown, strict=True):
        state = env.episode.states
        np.testing.assert_array_equal(image, env.mdp.task.render_image(state.instances[0], state.plans[0]))
    envs[0].step(0)
    assert plt.get_fignums() == [first, second]
    envs[0].close()
    assert plt.get_fignums() == [second]
    plt.close("all")
    envs[1].step(0)
    assert len(plt.get_fignums()) == 1, "a window closed by hand opens again"
    envs[1].close(), envs[1].close()
    assert plt.get_fignums() == []
