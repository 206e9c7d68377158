"""Whatever is called in whatever order: saving and loading in between changes nothing, and hidden ends are refused."""

from pathlib import Path
from tempfile import TemporaryDirectory

import gymnasium as gym
import numpy as np
import pytest
from agent_helpers import EASY, ID, agent, assert_same_weights, sudoku, weights
from gymnasium.wrappers import FlattenObservation
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env

from trm_agents import TRC, UPITRM


class StopAfter(BaseCallback):
    def __init__(self, calls):
        super().__init__()
        self.calls = calls

    def _on_step(self):
        return self.n_calls < self.calls


STEPS = st.one_of(
    st.tuples(st.just("learn"), st.integers(1, 30)),
    st.tuples(st.just("stop"), st.integers(1, 11)),
    st.tuples(st.just("begin again"), st.integers(1, 40)),
    st.tuples(st.just("set_env"), st.integers(0, 3)),
    st.tuples(st.just("save"), st.just(0)),
    st.tuples(st.just("load"), st.just(0)),
)


def environments(variant, seed=0):
    if variant == "trc":
        return make_vec_env("trm_envs:ControlPlanEdit-DoubleIntegrator-v0", 2, seed=seed)
    if variant in ("mlp", "multi-input"):
        wrapper = FlattenObservation if variant == "mlp" else None
        env = make_vec_env(ID, 2, seed=seed, env_kwargs=EASY, wrapper_class=wrapper)
        env.seed(seed)
        return env
    return sudoku(n_envs=2, seed=seed)


def small(variant):
    env = environments(variant)
    if variant == "trc":
        return TRC("TRCPolicy", env, batch_size=4, unroll=2, seed=3, device="cpu")
    if variant in ("mlp", "multi-input"):
        policy = "MlpPolicy" if variant == "mlp" else "MultiInputPolicy"
        return UPITRM(policy, env, n_steps=4, batch_size=8, seed=3, device="cpu")
    return agent(variant, env, n_steps=4, batch_size=8)


def done(model, step, reloads, path, variant):
    """The model after a step of a sequence; `reloads`: whether saving and loading are done, too."""
    name, number = step
    if name == "learn":
        model.learn(number, reset_num_timesteps=False)
    elif name == "stop":
        model.learn(10_000, callback=StopAfter(number), reset_num_timesteps=False)
    elif name == "begin again":
        # What a loaded environment is put back to is put back by training that goes on.
        model.learn(1, reset_num_timesteps=False)
        model.learn(number)
    elif name == "set_env":
        model.set_env(environments(variant, number))
    elif reloads and model._last_obs is not None:
        # An environment that has not begun has no state to save: seeds that wait for its reset are not the model's.
        model.save(path)
        if name == "load":
            model = type(model).load(path, env=environments(variant, 77), device="cpu", force_reset=False)
    return model


POLICIES = [
    *("hindsight", "hindsight-search", "hindsight-cells", "default", "exact", "survival", "outcome"),
    *("mlp", "multi-input", "trc"),
]


@pytest.mark.parametrize("variant", POLICIES)
@settings(max_examples=3, deadline=None, phases=[Phase.generate])
@given(steps=st.lists(STEPS, min_size=1, max_size=6))
def test_saving_and_loading_anywhere_in_a_sequence_changes_nothing(variant, steps):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.zip"
        plain, reloaded = small(variant), small(variant)
        for step in [*steps, ("learn", 16)]:
            plain = done(plain, step, False, path, variant)
            reloaded = done(reloaded, step, True, path, variant)
            assert plain.num_timesteps == reloaded.num_timesteps
    assert_same_weights(weights(plain), weights(reloaded))
    assert plain.rng.bit_generator.state == reloaded.rng.bit_generator.state
    if variant.startswith("hindsight"):
        check_memory(plain.memory)


def check_memory(memory):
    """Every plan that is kept belongs to an instance and to a plan that solves it."""
    instances, _, goals = (kept[: memory.size] for kept in memory._kept)
    given_cells = instances > 0
    assert np.array_equal(goals[given_cells], instances[given_cells])
    states = memory.mdp.initial(instances)._replace(plans=goals)
    assert memory.size == 0 or memory.mdp.check(states).solved.all()


class Refilled(gym.ObservationWrapper):
    """Shows a full edit budget in every state."""

    def observation(self, observation):
        return {**observation, "remaining_edits": np.full_like(observation["remaining_edits"], 16)}


@pytest.mark.parametrize("variant", ["hindsight", "survival"])
def test_an_episode_past_the_edit_budget_is_refused_where_it_enters(variant):
    env = make_vec_env(ID, n_envs=2, seed=0, env_kwargs=EASY, wrapper_class=Refilled)
    with pytest.raises(ValueError, match=r"environment 0 has 16 edits left after 1 steps .* leave out the wrapper"):
        agent(variant, env).learn(64)
