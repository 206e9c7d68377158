"""Both algorithms under misuse and bad luck: what can be kept is kept, and the rest is refused in clear words."""

import os
import signal
import warnings

import gymnasium as gym
import numpy as np
import pytest
from agent_helpers import EASY, ID, assert_same_weights, hindsight_trm, sudoku, upi_trm, weights
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import FlattenObservation, TransformObservation
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecFrameStack, VecNormalize

import trm_envs
from trm_agents import UPITRM

MAKERS = {"upi_trm": upi_trm, "hindsight_trm": hindsight_trm}
BOTH = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def check_saved_with_a_warning(model, path):
    """Without its environments' states, a model is saved with a warning, and learns on once it is loaded."""
    with pytest.warns(UserWarning, match=r"states \(\w+Error: .*resuming from it is inexact"):
        model.save(path)
    loaded = type(model).load(path, env=sudoku(n_envs=model.n_envs), device="cpu", force_reset=False)
    assert_same_weights(weights(model), weights(loaded))
    steps = model.n_steps * model.n_envs
    loaded.learn(steps, reset_num_timesteps=False)
    assert loaded.num_timesteps == model.num_timesteps + steps


def close(env):
    env.close()


def kill_a_worker(env):
    os.kill(env.unwrapped.processes[0].pid, signal.SIGKILL)
    env.unwrapped.processes[0].join()


@pytest.mark.parametrize("lose", [close, kill_a_worker])
def test_a_model_outlives_the_processes_of_its_environments(lose, tmp_path):
    env = make_vec_env(ID, 2, env_kwargs=EASY, vec_env_cls=SubprocVecEnv)
    model = upi_trm(env=env).learn(40)
    lose(env)
    check_saved_with_a_warning(model, tmp_path / "model.zip")
    for process in env.unwrapped.processes:
        process.kill()


@BOTH
def test_a_model_is_saved_though_the_environments_do_not_say_their_states(make, tmp_path):
    env = sudoku()
    model = make(env=env).learn(44)

    def failing():
        raise RuntimeError("no state today")

    env.unwrapped.envs[1].unwrapped.get_state = failing
    check_saved_with_a_warning(model, tmp_path / "model.zip")
    del env.unwrapped.envs[1].unwrapped.get_state
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.save(tmp_path / "model.zip")


class Scaled(TransformObservation):
    """All entries divided by the largest value."""

    def __init__(self, env):
        self.high = {key: box.high for key, box in env.observation_space.items()}
        unit = {key: gym.spaces.Box(0, 1, box.shape) for key, box in env.observation_space.items()}
        super().__init__(env, self.scaled, gym.spaces.Dict(unit))

    def scaled(self, observation):
        return {key: (value / self.high[key]).astype(np.float32) for key, value in observation.items()}


CHANGED = {
    "scaled": (
        lambda: Scaled(gym.make(ID)),
        r"'instance' is Box\(0\.0, 1\.0, \(16,\), float32\) instead of Box.*: leave out Scaled$",
    ),
    "flattened": (
        lambda: FlattenObservation(gym.make(ID)),
        r"they are a Box of shape \(33,\) instead of a Dict of instance, plan, remaining_edits: leave out FlattenObservation$",
    ),
    "stacked": (lambda: VecFrameStack(sudoku(), 2), r"'instance' is Box.*\(32,\).*: leave out VecFrameStack$"),
    "normalised": (lambda: VecNormalize(sudoku()), "leave out VecNormalize$"),
    "rewards": (lambda: VecNormalize(sudoku(), norm_obs=False), "leave out VecNormalize$"),
    "elsewhere": (
        lambda: make_vec_env(ID, 1, wrapper_class=FlattenObservation, vec_env_cls=SubprocVecEnv),
        "leave out the wrapper that changes them",
    ),
    "budgets": (
        lambda: DummyVecEnv([lambda: gym.make(ID), lambda: gym.make(ID, max_edits=9)]),
        r"different max_edits, \[9, \d+\]: give all of them the same",
    ),
}


@BOTH
@pytest.mark.parametrize(("env", "message"), CHANGED.values(), ids=CHANGED)
def test_observations_that_the_policy_cannot_read_are_refused(make, env, message):
    made = env()
    with pytest.raises(ValueError, match=message):
        make(env=made)
    made.close()


@BOTH
def test_a_model_does_not_move_to_a_wrapper_that_changes_what_it_reads(make):
    model = make()
    before = model.env
    with pytest.raises(ValueError, match="leave out VecNormalize"):
        model.set_env(VecNormalize(sudoku()))
    with pytest.raises(ValueError, match="spaces do not match"):
        model.set_env(sudoku(max_edits=9))
    assert model.env is before


@BOTH
def test_another_budget_at_load_is_refused(make, tmp_path):
    make().save(tmp_path / "model.zip")
    with pytest.raises(ValueError, match="spaces do not match"):
        type(make()).load(tmp_path / "model.zip", env=sudoku(max_edits=9), device="cpu")


def test_other_policies_read_changed_observations():
    model = UPITRM("MlpPolicy", FlattenObservation(gym.make(ID)), n_steps=8, device="cpu").learn(8)
    assert model.num_timesteps == 8


@BOTH
def test_wrappers_that_leave_observations_alone_are_welcome(make):
    gym.register_envs(trm_envs)
    vector = gym.make_vec(ID.split(":")[1], num_envs=2, autoreset_mode=AutoresetMode.SAME_STEP)
    for env in (vector, VecNormalize(sudoku(), norm_obs=False, norm_reward=False)):
        assert make(env=env).learn(8).num_timesteps > 0
