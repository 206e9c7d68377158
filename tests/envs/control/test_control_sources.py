"""Sources, curriculum and retry with instances of real numbers, bit for bit."""

from __future__ import annotations

import pickle
import warnings

import gymnasium as gym
import numpy as np
import pytest
from control_helpers import IDS, some_action

from trm_envs import Curriculum, GeneratedInstances, InstancePool, Retry

VALUES = np.array([[0.1, -2.0 / 3.0], [1e-300, np.pi]])


def test_pools_keep_their_dtype():
    pool, rng = InstancePool(VALUES, float), np.random.default_rng(0)
    assert pool.dtype == np.float64 and InstancePool(np.ones((1, 2), int)).dtype == np.int8
    drawn = pool.sample_each([rng] * 20)
    assert drawn.dtype == np.float64 and {tuple(row) for row in drawn.tolist()} == {
        tuple(row) for row in VALUES.tolist()
    }


def test_a_failed_instance_comes_back_bit_for_bit():
    source, rng = Retry(InstancePool(VALUES, float), 1.0), np.random.default_rng(0)
    instance, ticket = source.draw(rng)
    source.report(ticket, False)
    copy = Retry(InstancePool(VALUES, float), 1.0)
    copy.set_state(pickle.loads(pickle.dumps(source.get_state())))
    for each in (source, copy):
        again, _ = each.draw(rng)
        assert again.dtype == np.float64 and again.tobytes() == instance.tobytes()
        again[0] = 7.0


def test_a_curriculum_of_real_numbers_goes_on():
    stages = [InstancePool(VALUES[:1], float), GeneratedInstances(lambda count, rng: rng.random((count, 2)), float)]
    source, rng = Retry(Curriculum(stages, window=4, review=0.0), 0.5), np.random.default_rng(0)
    assert source.dtype == np.float64
    # Half a window of solved tries is enough.
    for _ in range(2):
        instance, ticket = source.draw(rng)
        source.report(ticket, True)
    assert instance.tolist() == VALUES[0].tolist()
    assert source.progress["stage"] == 1
    assert source.draw_each([rng, rng])[0].dtype == np.float64


@pytest.mark.parametrize("env_id", IDS)
def test_an_adaptive_source_hears_of_success(env_id):
    env = gym.make(env_id, retry=1.0, split="train").unwrapped
    rng, ended = np.random.default_rng(0), False
    env.reset(seed=0)
    first = env._states.instances.copy()
    while not ended:
        _, _, ended, _, info = env.step(-np.abs(some_action(rng, env.action_space, 1.0)))
    assert not info["is_success"] and env.source.progress["retry_queue"] == 1
    env.reset()
    np.testing.assert_array_equal(env._states.instances, first)


@pytest.mark.parametrize("env_id", IDS)
def test_playing_through_gym_make_warns_of_nothing(env_id):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env, rng = gym.make(env_id, render_mode="ansi"), np.random.default_rng(0)
        env.reset(seed=0)
        for _ in range(5):
            env.step(some_action(rng, env.action_space))
            env.render()


def test_own_instances_are_played():
    env = gym.make("ControlPlanEdit-VanDerPol-v0", instances=[[0.5, -0.25, 2.5]])
    np.testing.assert_allclose(env.reset()[0]["instance"], [0.5 / 3, -0.25 / 3, 1.0 / 1.5], rtol=1e-6)


@pytest.mark.parametrize("observe_mu", [True, False])
def test_mu_is_observed_or_not(observe_mu):
    env = gym.make("trm_envs:ControlPlanEdit-VanDerPol-v0", mu=(0.5, 2.0), observe_mu=observe_mu)
    vector = gym.make_vec("trm_envs:ControlPlanEdit-VanDerPol-v0", 20, mu=(0.5, 2.0), observe_mu=observe_mu)
    seen = [env.reset(seed=seed)[0]["instance"][2] for seed in range(20)]
    assert (len(set(seen)) > 10) == observe_mu
    assert (len(set(vector.reset(seed=0)[0]["instance"][:, 2])) > 10) == observe_mu
