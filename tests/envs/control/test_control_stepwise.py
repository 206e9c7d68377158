"""Step by step: the same system and cost as editing a plan."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from control_helpers import SYSTEMS

from trm_envs.control import linear
from trm_envs.control.quadratic import QuadraticTask
from trm_envs.control.stepwise import COST_SCALE

PAIRS = [
    ("Control-DoubleIntegrator-v0", "di"),
    ("Control-DoubleIntegratorTight-v0", "tight"),
    ("Control-VanDerPol-v0", "vdp"),
]


@pytest.mark.parametrize(("env_id", "system"), PAIRS)
def test_a_plan_played_step_by_step_costs_what_it_costs_at_once(env_id, system):
    task, env = QuadraticTask(SYSTEMS[system]), gym.make(env_id).unwrapped
    instance = np.array([[1.5, -1.0, 1.2]])[:, : task.instance_size]
    plan = np.random.default_rng(0).uniform(-1, 1, (1, task.horizon)) * task.system.u_max
    checks, path = task.check(instance, plan), task.simulate(instance, plan).states[0]
    observation, info = env.reset(options={"instance": instance[0]})
    worth = 0.0
    for k, control in enumerate(plan[0]):
        np.testing.assert_allclose(observation[:2], path[k] / task.state_scale, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(observation[-1], 1 - k / task.horizon, rtol=1e-6)
        assert not info["is_success"]
        observation, reward, ended, truncated, info = env.step(np.array([control / task.system.u_max]))
        assert ended == (k == task.horizon - 1) and not truncated
        worth += reward
    np.testing.assert_array_equal(env._states.states[0], path[-1])
    np.testing.assert_allclose(-COST_SCALE * worth, checks.cost[0], rtol=1e-12)
    np.testing.assert_allclose(info["cost"], checks.cost[0], rtol=1e-12)
    assert info["is_success"] == checks.success[0]
    np.testing.assert_allclose(info["terminal_error"], checks.terminal_error[0])


@pytest.mark.parametrize(("env_id", "system"), PAIRS)
def test_the_lqr_feedback_as_an_agent_reaches_the_target(env_id, system):
    task, env = QuadraticTask(SYSTEMS[system]), gym.make(env_id, split="test").unwrapped
    gains = linear.lqr(task.system, 1.0 if system == "vdp" else 0.0).gains
    for seed in range(5):
        observation, _ = env.reset(seed=seed)
        for gain in gains:
            control = -gain @ (observation[:2] * task.state_scale) / task.system.u_max
            observation, _, _, _, info = env.step(np.array([control]))
        written = linear.clipped_lqr(task, env._states.instances)
        assert info["is_success"]
        np.testing.assert_allclose(info["cost"], task.check(env._states.instances, written).cost[0], rtol=1e-4)
