"""The native vector environment equals `SyncVectorEnv` over single environments, bit for bit."""

from __future__ import annotations

import pickle
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import InvalidAction, ResetNeeded
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from own_tasks import Latin, Queens, latin_instances, queens_instances
from plan_edit_helpers import IDS, SMALL, same

from trm_envs import InstancePool, PlanEditEnv, PlanEditMDP, PlanEditVectorEnv

MODES = list(AutoresetMode)


def pair(env_id: str, num_envs: int, mode: AutoresetMode, **options: Any) -> tuple[Any, Any]:
    """The native vector environment and the reference."""
    native = gym.make_vec(env_id, num_envs=num_envs, autoreset_mode=mode, **options)
    single = [lambda: gym.make(env_id, **options).unwrapped for _ in range(num_envs)]
    return native, SyncVectorEnv(single, autoreset_mode=mode)


def random_actions(rng: np.random.Generator, env: Any, legal: float) -> np.ndarray[Any, Any]:
    """One action a sub-environment, legal with probability `legal`; where an episode has ended perhaps none is."""
    masks = env.unwrapped.action_masks()
    drawn = np.array([rng.choice(np.flatnonzero(mask)) if mask.any() else 0 for mask in masks])
    return np.where(rng.random(len(drawn)) < legal, drawn, rng.integers(env.single_action_space.n, size=len(drawn)))


def compare(native: Any, reference: Any, mode: AutoresetMode, steps: int, legal: float = 0.7, seed: Any = 0) -> int:
    """Walk both through the same actions; how many episodes ended."""
    rng = np.random.default_rng(1)
    same(native.reset(seed=seed), reference.reset(seed=seed))
    ended = 0
    for _ in range(steps):
        actions = random_actions(rng, native, legal)
        left, right = native.step(actions), reference.step(actions)
        same(left, right)
        done = left[2]
        ended += int(done.sum())
        if mode == AutoresetMode.DISABLED and done.any():
            same(
                native.reset(options={"reset_mask": done.copy()}), reference.reset(options={"reset_mask": done.copy()})
            )
    return ended


@pytest.mark.parametrize("env_id", SMALL)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("num_envs", [1, 4])
def test_equals_sync_vector_env(env_id: str, mode: AutoresetMode, num_envs: int) -> None:
    native, reference = pair(env_id, num_envs, mode, max_edits=7)
    assert native.metadata["autoreset_mode"] is mode
    assert native.observation_space == reference.observation_space
    assert native.action_space == reference.action_space
    assert compare(native, reference, mode, steps=30) > 0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "options",
    [
        {"blanks": (1, 4)},
        {"blanks": (1, 4), "legal_actions": "consistent"},
        {"stop_action": "terminal", "allow_erase": True, "shaping": False},
        {"generate": True, "blanks": (3, 8), "stop_action": "noop"},
    ],
)
def test_equals_sync_vector_env_with_every_option(mode: AutoresetMode, options: dict[str, Any]) -> None:
    native, reference = pair("SudokuPlanEdit-4x4-v0", 3, mode, **options)
    assert compare(native, reference, mode, steps=60, legal=0.95) > 0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("level", ["givens", "consistent"])
@pytest.mark.parametrize(
    ("task", "instances"), [(Latin(3), latin_instances(3, 9, 4)[0]), (Queens(4), queens_instances())]
)
def test_a_task_of_the_users_needs_no_registration(mode: AutoresetMode, level: Any, task: Any, instances: Any) -> None:
    mdp, source = PlanEditMDP(task, legal_actions=level, max_edits=6), InstancePool(instances)
    native = PlanEditVectorEnv(3, mdp, source, autoreset_mode=mode)
    reference = SyncVectorEnv([lambda: PlanEditEnv(mdp, source)] * 3, autoreset_mode=mode)
    assert compare(native, reference, mode, steps=40, legal=0.9) > 0


def test_large_boards_too() -> None:
    for env_id in set(IDS) - set(SMALL):
        compare(*pair(env_id, 2, AutoresetMode.SAME_STEP, max_edits=3), AutoresetMode.SAME_STEP, steps=5)


@pytest.mark.parametrize("seed", [7, [3, 1, 4], [3, None, 4]])
def test_seeds_as_integer_and_list(seed: Any) -> None:
    native, reference = pair("SudokuPlanEdit-4x4-v0", 3, AutoresetMode.NEXT_STEP)
    native.reset(seed=0), reference.reset(seed=0)
    compare(native, reference, AutoresetMode.NEXT_STEP, steps=20, seed=seed)


def test_reset_goes_on_drawing_without_a_seed() -> None:
    native, reference = pair("SudokuPlanEdit-4x4-v0", 3, AutoresetMode.NEXT_STEP)
    same(native.reset(seed=2), reference.reset(seed=2))
    for _ in range(3):
        same(native.reset(), reference.reset())


def test_reset_mask_with_seeds_and_a_puzzle() -> None:
    native, reference = pair("SudokuPlanEdit-4x4-v0", 3, AutoresetMode.NEXT_STEP)
    same(native.reset(seed=2), reference.reset(seed=2))
    mask = np.array([True, False, True])
    puzzle = np.array([1] + [0] * 15)
    for extra in ({}, {"puzzle": puzzle}):
        same(
            native.reset(seed=[5, 6, 7], options={"reset_mask": mask.copy(), **extra}),
            reference.reset(seed=[5, 6, 7], options={"reset_mask": mask.copy(), **extra}),
        )
    actions = np.array([5, 6, 7])
    same(native.step(actions), reference.step(actions))


def test_bad_calls() -> None:
    env = gym.make_vec("SudokuPlanEdit-4x4-v0", num_envs=2, autoreset_mode=AutoresetMode.DISABLED, max_edits=1)
    with pytest.raises(ResetNeeded):
        env.step(np.zeros(2, np.int64))
    with pytest.raises(ResetNeeded, match="every environment"):
        env.reset(options={"reset_mask": np.array([True, False])})
    with pytest.raises(ValueError, match="3 seeds for 2"):
        env.reset(seed=[1, 2, 3])
    env.reset(seed=0)
    for mask in ([True, False], np.array([1, 0]), "10", 1, np.array(["1", "0"])):
        with pytest.raises(TypeError, match=r"reset_mask.*bool array of shape \(2,\)"):
            env.reset(options={"reset_mask": mask})
    for mask in (np.array([True]), np.array([[True, True]]), np.array(True)):
        with pytest.raises(ValueError, match=r"reset_mask.*bool array of shape \(2,\)"):
            env.reset(options={"reset_mask": mask})
    for seed in (1.5, "7", b"7", True, {1, 2}, np.array(3.0)):
        with pytest.raises(TypeError, match="seed must be an integer, a sequence of 2"):
            env.reset(seed=seed)
    for seed in ([1, 2.5], [1, "2"], [-1, 2], -1, [True, 1]):
        with pytest.raises(ValueError, match=r"seed(\[\d\])? must be"):
            env.reset(seed=seed)
    with pytest.raises(TypeError, match="options must be a dict"):
        env.reset(options=[1])
    with pytest.raises(ValueError, match="at least one"):
        env.reset(options={"reset_mask": np.zeros(2, np.bool_)})
    for actions in ([0, 64], [-1, 0], [0, 0, 0], 0):
        with pytest.raises(InvalidAction):
            env.step(np.array(actions))
    env.step(np.zeros(2, np.int64))
    with pytest.raises(ResetNeeded, match="have ended"):
        env.step(np.zeros(2, np.int64))
    with pytest.raises(ValueError, match="num_envs"):
        gym.make_vec("SudokuPlanEdit-4x4-v0", num_envs=0)
    with pytest.raises(ValueError, match="render_mode"):
        gym.make_vec("SudokuPlanEdit-4x4-v0", num_envs=1, render_mode="human")


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
@pytest.mark.parametrize("env_id", SMALL)
def test_calls_share_no_arrays(env_id: str, mode: AutoresetMode) -> None:
    env = gym.make_vec(env_id, num_envs=3, autoreset_mode=mode, max_edits=4)
    rng = np.random.default_rng(0)
    trace: list[Any] = [env.reset(seed=0)]
    frozen = [pickle.dumps(trace[0])]
    for _ in range(9):
        trace.append(env.step(random_actions(rng, env, 0.8)))
        frozen.append(pickle.dumps(trace[-1]))
    same(trace, [pickle.loads(entry) for entry in frozen])
    seen: list[Any] = []
    for entry in trace:
        arrays = [*entry[0].values(), *(v for v in entry[-1].values() if isinstance(v, np.ndarray))]
        arrays += [part for part in entry[1:4] if isinstance(part, np.ndarray)]
        assert not any(np.shares_memory(array, other) for array in arrays for other in seen if array.dtype != object)
        seen += [array for array in arrays if array.dtype != object]
    state = env.unwrapped.get_state()  # type: ignore[attr-defined]
    for array in seen:
        array[...] = 0
    same(state, env.unwrapped.get_state())  # type: ignore[attr-defined]


@pytest.mark.parametrize("mode", MODES)
def test_state_goes_between_native_and_single_environments(mode: AutoresetMode) -> None:
    native, reference = pair("SudokuPlanEdit-4x4-v0", 3, mode, max_edits=5)
    rng = np.random.default_rng(0)
    native.reset(seed=0), reference.reset(seed=9)
    for _ in range(4):
        native.step(random_actions(rng, native, 0.8))
    fresh = gym.make_vec("SudokuPlanEdit-4x4-v0", num_envs=3, autoreset_mode=mode, max_edits=5).unwrapped
    for index, state in enumerate(pickle.loads(pickle.dumps(native.get_state()))):
        reference.envs[index].set_state(state)
        fresh.set_state(state, index)  # type: ignore[attr-defined]
    for _ in range(3):
        actions = random_actions(rng, native, 0.8)
        left = native.step(actions)
        same(left, fresh.step(actions))
        # The reference builds its observation of unfinished episodes from what it has just stepped.
        same(left, reference.step(actions))
        if mode == AutoresetMode.DISABLED and left[2].any():
            resets = [env.reset(options={"reset_mask": left[2].copy()}) for env in (native, fresh, reference)]
            same(resets[0], resets[1])
            same(resets[0], resets[2])


def test_state_before_the_first_reset() -> None:
    env = gym.make_vec("SudokuPlanEdit-4x4-v0", num_envs=2).unwrapped
    other = gym.make_vec("SudokuPlanEdit-4x4-v0", num_envs=2).unwrapped
    for index, state in enumerate(env.get_state()):  # type: ignore[attr-defined]
        other.set_state(state, index)  # type: ignore[attr-defined]
    same(env.reset(), other.reset())


def test_action_masks_and_frames() -> None:
    env = gym.make_vec("SudokuPlanEdit-4x4-v0", num_envs=2, render_mode="rgb_array")
    _, info = env.reset(seed=0)
    masks = env.unwrapped.action_masks()  # type: ignore[attr-defined]
    assert masks.dtype == np.bool_
    np.testing.assert_array_equal(masks, info["action_mask"])
    frames = env.render()
    assert frames is not None and len(frames) == 2 and frames[0].dtype == np.uint8
