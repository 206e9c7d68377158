"""Edits that follow the gradient of the cost through their own feedback: slopes, Newton steps, and no way but down."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from control_helpers import SYSTEMS
from hypothesis import given, settings
from hypothesis import strategies as st
from trc_helpers import TIGHT, VDP, trc, visited

from trm_agents.trc.features import followed
from trm_agents.trc.following import Plan
from trm_envs.control.linear import lqr
from trm_envs.control.quadratic import GAIN, QuadraticTask

LONG_REFUSED = torch.tensor([[30.0, 40.0, 1.0]])
"""Edits are 2^-30 as long, and free changes have no trust left."""


def played(plan: Plan, changes: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """Costs of edits with these changes and gains that hold the present trajectory."""
    held = -np.ones_like(changes)
    actions = np.concatenate([changes, gains.reshape(len(gains), -1), held], axis=1)
    return plan.task.check(plan.instances, plan.task.edit(plan.instances, plan.controls, actions)).cost


@pytest.mark.parametrize("system", SYSTEMS)
def test_slopes_are_the_finite_differences_through_the_feedback(system):
    rng = np.random.default_rng(0)
    task = QuadraticTask(SYSTEMS[system])
    _, states = visited(task, 3, rng)
    plan = Plan(task, states.instances, states.plans)
    gains = rng.uniform(-0.05, 0.05, (3, task.horizon, 2))
    found, small = plan.slopes(gains), 1e-6
    for k in (0, task.horizon // 2, task.horizon - 1):
        aside = small * np.eye(task.horizon)[[k] * 3]
        difference = (played(plan, aside, gains) - played(plan, -aside, gains)) / (2 * small * task.system.u_max)
        np.testing.assert_allclose(found[:, k], difference, rtol=1e-5, atol=1e-5)
    held = played(plan, np.zeros_like(states.plans), gains)
    np.testing.assert_allclose(held, task.check(states.instances, states.plans).cost, rtol=1e-9)


def test_a_control_at_its_bound_has_a_slope_where_it_leads_inside():
    task = QuadraticTask(SYSTEMS["tight"])
    controls = np.zeros((2, 15))
    controls[:, 0] = 1.5
    plan = Plan(task, np.array([[-3.0, -1.0], [2.0, 0.0]]), controls)
    blocked, led = plan.slopes(np.zeros((2, 15, 2)))[:, 0]
    assert blocked == 0.0 and led > 0.0
    np.testing.assert_array_equal(plan.inside[:, 0], 0.0)
    np.testing.assert_array_equal(plan.inside[:, 1:], 1.0)


def test_with_the_gains_of_lqr_one_step_is_newtons():
    """By the Riccati equation: where nothing is clipped, dividing by R + B'PB reaches the optimal cost x'Px at once."""
    system = SYSTEMS["di"]
    known, rng = lqr(system), np.random.default_rng(1)
    first, dt = rng.uniform(-0.3, 0.3, (5, 2)), system.time_step
    plan = Plan(QuadraticTask(system), first, rng.uniform(-0.3, 0.3, (5, 15)))
    gains = np.tile(-known.gains / (GAIN * system.u_max), (5, 1, 1))
    B = np.array([0.5 * dt * dt, dt])
    curvatures = np.array([2.0 * (system.weights[2] + B @ P @ B) for P in known.values[1:]])
    cost = played(plan, -plan.slopes(gains) / (curvatures * system.u_max), gains)
    np.testing.assert_allclose(cost, np.einsum("bi,ij,bj->b", first, known.values[0], first), rtol=1e-9)
    # The last step's is the curvature that steps are divided by.
    step = plan.step(torch.as_tensor(gains), torch.zeros(5, 15, dtype=torch.float64)).numpy()
    np.testing.assert_allclose(step[:, -1], -plan.slopes(gains)[:, -1] / (curvatures[-1] * system.u_max), rtol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(["tight", "vdp"]), st.integers(0, 2**32 - 1))
def test_what_refusals_leave_of_an_edit_leads_down(name, seed):
    """Whatever the network says, and with controls at their bounds: a short enough edit costs less."""
    rng, task = np.random.default_rng(seed), QuadraticTask(SYSTEMS[name])
    _, states = visited(task, 1, rng)
    controls = np.clip(states.plans * rng.uniform(1.0, 8.0), task.plan_low, task.plan_high)
    plan = Plan(task, states.instances, controls)
    outputs = torch.as_tensor(rng.standard_normal((1, task.horizon, 5)))
    action = followed(outputs, torch.empty(1, 0), LONG_REFUSED.double(), torch.ones(1, 1), (1, 2, 1), plan).numpy()
    assert np.abs(action).max() <= 1.0
    before = task.check(plan.instances, plan.controls).cost
    assert task.check(plan.instances, task.edit(plan.instances, plan.controls, action)).cost < before


def test_an_edit_without_refusals_is_free_and_follows():
    """By hand, layout and parts: changes scaled by the size and moved along the gradient, gains, gates."""
    task = QuadraticTask(SYSTEMS["tight"])
    _, states = visited(task, 2, np.random.default_rng(0))
    plan, outputs, size = Plan(task, states.instances, states.plans), 0.01 * torch.randn(2, 15, 5), torch.ones(2, 1) / 2
    action = followed(outputs, torch.empty(2, 0), torch.zeros(2, 3), size, (1, 2, 1), plan)
    gains = torch.tanh(outputs[..., 1:3])
    changes = torch.tanh(outputs[..., 0]) / 2 + plan.step(gains, outputs[..., 4])
    torch.testing.assert_close(action[:, :15], changes.clamp(-1, 1))
    torch.testing.assert_close(action[:, 15:45], gains.flatten(1))
    torch.testing.assert_close(action[:, 45:], torch.tanh(outputs[..., 3]))


def test_a_hidden_system_has_no_gradient_to_follow():
    with pytest.raises(ValueError, match="hidden: use observe='error'"):
        trc(gym.make(VDP, observe_mu=False, observe="gradient"))
    assert not trc(gym.make(VDP, observe_mu=False, observe="gradient", edit="plan")).policy.reader.follows


def test_it_learns_and_what_it_edits_out_of_distribution_gets_cheaper():
    from trm_agents.trc.playing import play
    from trm_envs.control.sources import pool_instances

    model = trc(gym.make(TIGHT, observe="gradient", accept="improving"), learning_rate=4e-3).learn(100 * 16)
    found = play(model, model.mdp, pool_instances("control-double-integrator", "validation", ood=True), 5, "gradient")
    assert (np.diff(found.costs, axis=1) <= 0.0).all() and (found.costs[:, -1] < 0.5 * found.costs[:, 0]).mean() > 0.9
