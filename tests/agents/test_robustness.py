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
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecFrameStack, VecNormalize

import trm_envs
from trm_agents import UPITRM, Exact, Survival

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
def test_processes_and_loops_of_environments_train_the_same_weights(make):
    """`SubprocVecEnv` hands on rewards as the environments give them, `DummyVecEnv` as float32."""
    trained = []
    for kind, keywords in ((DummyVecEnv, {}), (SubprocVecEnv, {"start_method": "fork"})):
        env = make_vec_env(ID, 2, seed=0, env_kwargs=EASY, vec_env_cls=kind, vec_env_kwargs=keywords)
        trained.append(weights(make(env=env).learn(64)))
        env.close()
    assert_same_weights(*trained)


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
        r"they are a Box of shape \(33,\) instead of a Dict of instance, plan, .*: leave out FlattenObservation$",
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


class StopAt(BaseCallback):
    def __init__(self, steps):
        super().__init__()
        self.steps = steps

    def _on_step(self):
        return self.num_timesteps < self.steps


@BOTH
@pytest.mark.parametrize("n_steps", [4, 16])
def test_a_rollout_has_the_length_that_load_is_given(make, n_steps, tmp_path):
    """Saved between rollouts, the episodes go on: the next rollout is the same experience, cut elsewhere."""
    model = make().learn(64)
    model.save(tmp_path / "model.zip")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = type(model).load(tmp_path / "model.zip", sudoku(), "cpu", force_reset=False, n_steps=n_steps)
    assert (loaded.n_steps, loaded.rollout.n_steps, loaded.rollout.position) == (n_steps, n_steps, 0)
    before = model._last_obs
    plans = []

    class Look(BaseCallback):
        def _on_step(self):
            plans.append(self.locals["observation"]["plan"])
            return True

    loaded.learn(4 * n_steps, callback=Look(), reset_num_timesteps=False)
    assert np.array_equal(plans[0], before["plan"]) and len(plans) == n_steps
    assert loaded.num_timesteps == 64 + 4 * n_steps


@BOTH
def test_an_unfinished_rollout_of_another_length_is_dropped_with_a_warning(make, tmp_path):
    model = make().learn(1000, callback=StopAt(44))
    model.save(tmp_path / "model.zip")
    with pytest.warns(UserWarning, match="n_steps=16 drops the 3 steps of the unfinished rollout of 8"):
        loaded = type(model).load(tmp_path / "model.zip", sudoku(), "cpu", force_reset=False, n_steps=16)
    assert loaded.rollout.position == 0
    assert loaded.learn(64, reset_num_timesteps=False).num_timesteps == 44 + 64


@pytest.mark.parametrize("buffer_size", [7, 100_000])
def test_a_memory_of_another_size_keeps_its_newest_states(buffer_size, tmp_path):
    model = hindsight_trm(buffer_size=50).learn(256)
    memory = model.memory
    assert memory.size == 50 and memory.next > 0
    model.save(tmp_path / "model.zip")
    loaded = type(model).load(tmp_path / "model.zip", sudoku(), "cpu", buffer_size=buffer_size)
    kept = min(50, buffer_size)
    oldest_first = [np.roll(each, -memory.next, axis=0) for each in memory._kept]
    assert (loaded.memory.capacity, loaded.memory.size) == (buffer_size, kept)
    for each, before in zip(loaded.memory._kept, oldest_first, strict=True):
        assert np.array_equal(each[:kept], before[50 - kept :])
    cells = memory.mdp.task.n_cells
    loaded.memory.keep(np.zeros(cells, np.int8), np.zeros((1, cells), np.int8), np.ones((1, cells), np.int8))
    oldest = loaded.memory._kept[0][1 if kept == buffer_size else 0]
    assert np.array_equal(oldest, oldest_first[0][51 - kept if kept == buffer_size else 0])
    loaded.learn(32, reset_num_timesteps=False)


@BOTH
def test_a_seed_at_load_reseeds_what_draws_actions(make, tmp_path):
    make(seed=1).learn(64).save(tmp_path / "model.zip")

    def drawn(**keywords):
        return type(make()).load(tmp_path / "model.zip", sudoku(), "cpu", **keywords).rng.random(4).tolist()

    assert drawn(seed=5) == drawn(seed=5) == np.random.default_rng(5).random(4).tolist()
    assert drawn() != drawn(seed=5)


@BOTH
@pytest.mark.parametrize("name", ["unknown", "policy", "num_timesteps", "sb3", "_init_setup_model"])
def test_keywords_at_load_that_are_no_hyperparameters_are_refused(make, name, tmp_path):
    make().save(tmp_path / "model.zip")
    with pytest.raises(ValueError, match=rf"load takes no keyword {name}: choose among .*n_steps.*, or set attributes"):
        type(make()).load(tmp_path / "model.zip", sudoku(), "cpu", **{name: 1})


@pytest.mark.parametrize("keywords", [{"mixture": Exact(0.3, 3)}, {"advantage": "readout"}])
def test_keywords_at_load_that_need_another_network_are_refused(keywords, tmp_path):
    upi_trm().save(tmp_path / "model.zip")
    with pytest.raises(ValueError, match=f"the file's network does not fit the keywords {next(iter(keywords))}"):
        UPITRM.load(tmp_path / "model.zip", sudoku(), "cpu", **keywords)


@BOTH
def test_hyperparameters_at_load_count(make, tmp_path):
    make().save(tmp_path / "model.zip")
    keywords = {"learning_rate": 1e-5, "unroll": 2, "beta": 3.0, "batch_size": 8, "verbose": 0, "seed": 9}
    loaded = type(make()).load(tmp_path / "model.zip", sudoku(), "cpu", **keywords).learn(32)
    assert loaded.policy.unroll == 2 and {name: getattr(loaded, name) for name in keywords} == keywords
    assert loaded.policy.optimizer.param_groups[0]["lr"] == 1e-5
    with pytest.raises(ValueError, match="unroll must be at least 1, got 0"):
        type(make()).load(tmp_path / "model.zip", sudoku(), "cpu", unroll=0)


@BOTH
@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"max_grad_norm": 0.0}, r"max_grad_norm must be positive, got 0\.0"),
        ({"max_grad_norm": float("nan")}, "max_grad_norm must be positive, got nan"),
        ({"learning_rate": -1e-3}, r"learning_rate must not be negative, got -0\.001"),
        ({"n_steps": 8.0}, r"n_steps must be a whole number of at least 1, got 8\.0: pass an int"),
        ({"batch_size": None}, "batch_size must be a whole number of at least 1, got None"),
        ({"batch_size": np.int64(0)}, "batch_size must be at least 1, got 0"),
        ({"unroll": "auto"}, "unroll must be a whole number of at least 1, got 'auto'"),
        ({"gamma": 1.5}, r"gamma must be within \[0, 1\], got 1\.5"),
        ({"beta": float("inf")}, "beta must be positive, got inf"),
    ],
)
def test_hyperparameters_that_cannot_train_are_refused(make, keywords, message):
    with pytest.raises(ValueError, match=message):
        make(**keywords)


@pytest.mark.parametrize(
    ("make", "keywords", "message"),
    [
        (upi_trm, {"n_epochs": 0}, "n_epochs must be at least 1, got 0"),
        (upi_trm, {"n_epochs": True}, "n_epochs must be a whole number of at least 1, got True"),
        (hindsight_trm, {"buffer_size": 1e5}, r"buffer_size must be a whole number .*, got 100000\.0: pass an int"),
        (hindsight_trm, {"carry_unroll": 1.5}, r"carry_unroll must be a whole number .*, got 1\.5"),
        (hindsight_trm, {"train_ratio": float("nan")}, "train_ratio must be positive, got nan"),
    ],
)
def test_hyperparameters_of_one_algorithm_that_cannot_train_are_refused(make, keywords, message):
    with pytest.raises(ValueError, match=message):
        make(**keywords)


@BOTH
def test_numbers_of_numpy_train_as_those_of_python(make, tmp_path):
    sizes = {"n_steps": 8, "batch_size": 16, "unroll": 3}
    model = make(**{name: np.int64(value) for name, value in sizes.items()}).learn(64)
    model.save(tmp_path / "model.zip")
    loaded = type(model).load(tmp_path / "model.zip", sudoku(), "cpu", batch_size=np.int32(16))
    assert_same_weights(weights(loaded), weights(make(**sizes).learn(64)))
    loaded.learn(32, reset_num_timesteps=False)


@BOTH
def test_a_schedule_and_an_infinite_norm_are_welcome(make):
    make(learning_rate=lambda left: 1e-3 * left, max_grad_norm=float("inf")).learn(32)


class Restarting(gym.Wrapper):
    """Begins anew without an end where an episode has failed, `lives` times."""

    def __init__(self, env, lives):
        super().__init__(env)
        self.lives, self.left = lives, lives

    def reset(self, **keywords):
        self.left = self.lives
        return self.env.reset(**keywords)

    def step(self, action):
        observation, reward, terminated, truncated, info = self.env.step(action)
        if terminated and not info["is_success"] and self.left:
            self.left -= 1
            observation, info = self.env.reset()
            terminated = False
        return observation, reward, terminated, truncated, info


@pytest.mark.parametrize("lives", [1, 1000])
def test_an_episode_that_outlasts_its_edits_is_named(lives):
    """It would mix the plans of two instances, or outgrow what is kept of an episode."""

    def one():
        return Restarting(gym.make(ID, blanks=(6, 8), max_edits=9), lives)

    with pytest.raises(ValueError, match=r"environment \d has 9 edits left after 9 steps .* max_edits=9: .* wrapper"):
        hindsight_trm(env=DummyVecEnv([one, one]), beta=0.01).learn(400)


@BOTH
@pytest.mark.parametrize("value", ["False", "no", 0, 1.0, None])
def test_a_word_or_a_number_is_no_truth_value(make, value):
    with pytest.raises(ValueError, match="deep_supervision must be True or False, got "):
        make(deep_supervision=value)
    for name in ("own_plans", "bounds"):
        with pytest.raises(ValueError, match=f"{name} must be True or False"):
            Survival(**{name: value})
    assert make(deep_supervision=np.False_).deep_supervision is False
