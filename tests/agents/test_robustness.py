"""Both algorithms under misuse and bad luck: what can be kept is kept, and the rest is refused in clear words."""

import os
import signal
import warnings

import pytest
from agent_helpers import EASY, ID, assert_same_weights, hindsight_trm, sudoku, upi_trm, weights
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import SubprocVecEnv

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
