"""Simulators and adjoints against integrals, finite differences, closed forms and brute force."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from control_helpers import SYSTEMS, some_instances
from scipy.integrate import solve_ivp

from trm_envs.control import kernels, linear
from trm_envs.control.quadratic import QuadraticTask


@pytest.fixture(params=list(SYSTEMS))
def task(request: pytest.FixtureRequest) -> QuadraticTask:
    return QuadraticTask(SYSTEMS[request.param])


def cost(task, instances, plans):
    return task.check(instances, plans).cost


def test_the_double_integrator_is_exact():
    # From rest, u = 1 for 15 steps of .33 s: v = t and p = t^2 / 2.
    path = QuadraticTask(SYSTEMS["di"]).simulate(np.zeros((1, 2)), np.ones((1, 15)))
    np.testing.assert_allclose(path.times[0, -1], 4.95)
    np.testing.assert_allclose(path.states[0, :, 1], path.times[0])
    np.testing.assert_allclose(path.states[0, :, 0], path.times[0] ** 2 / 2, atol=1e-12)


@pytest.mark.parametrize("mu", [0.0, 1.0, 3.0])
def test_van_der_pol_agrees_with_an_integrator_of_another_order(mu):
    task = QuadraticTask(SYSTEMS["vdp"])
    plan = np.repeat(np.random.default_rng(0).uniform(-2, 2, 10), 10)[None]
    path = task.simulate(np.array([[2.0, -1.0, mu]]), plan)
    state = np.array([2.0, -1.0])
    for k in range(100):
        found = solve_ivp(
            lambda _, s, u=plan[0, k]: [s[1], mu * (1 - s[0] ** 2) * s[1] - s[0] + u], (0, 0.05), state, "DOP853",
            rtol=1e-11, atol=1e-12,
        )  # fmt: skip
        state = found.y[:, -1]
    np.testing.assert_allclose(path.states[0, -1], state, atol=5e-4)


def test_the_cost_is_the_sum_that_the_page_says(task):
    rng = np.random.default_rng(1)
    instances, plans = some_instances(task, 5, rng), rng.uniform(task.plan_low, task.plan_high, (5, task.horizon))
    states = task.simulate(instances, plans).states
    expected = (states[:, :-1] ** 2 @ [10.0, 5.0]).sum(axis=1) + 0.1 * (plans**2).sum(axis=1)
    expected += states[:, -1] ** 2 @ [200.0, 100.0]
    np.testing.assert_allclose(cost(task, instances, plans), expected, rtol=1e-13)


def test_the_adjoint_is_the_finite_difference(task):
    rng = np.random.default_rng(2)
    instances, plans = some_instances(task, 6, rng), rng.uniform(-1, 1, (6, task.horizon))
    gradient, costates = kernels.adjoint(
        task.system.kind, task.system.time_step, task.weights, instances, plans,
        task.simulate(instances, plans).states,
    )  # fmt: skip
    np.testing.assert_array_equal(gradient, task.gradient(instances, plans).plan)
    for k in range(0, task.horizon, 7):
        nudge = np.zeros_like(plans)
        nudge[:, k] = 1e-5
        measured = (cost(task, instances, plans + nudge) - cost(task, instances, plans - nudge)) / 2e-5
        np.testing.assert_allclose(gradient[:, k], measured, rtol=1e-6, atol=1e-5)
    for entry in range(2):
        nudge = np.zeros_like(instances)
        nudge[:, entry] = 1e-5
        measured = (cost(task, instances + nudge, plans) - cost(task, instances - nudge, plans)) / 2e-5
        np.testing.assert_allclose(costates[:, 0, entry], measured, rtol=1e-6, atol=1e-5)


def played(task, instances, feedforward, gains, references):
    system = task.system
    return kernels.play(system.kind, system.time_step, instances, feedforward, gains, references, system.u_max)


def test_the_adjoint_of_a_feedback_is_the_finite_difference(task):
    rng = np.random.default_rng(3)
    system, shape = task.system, (4, task.horizon)
    instances = 0.5 * some_instances(task, 4, rng)
    feedforward = 1.1 * rng.uniform(-system.u_max, system.u_max, shape)
    references = rng.uniform(-0.5, 0.5, (*shape, 2))
    gains = rng.uniform(-2, 0, (*shape, 2))
    controls = played(task, instances, feedforward, gains, references)
    clipped = np.abs(controls) >= system.u_max
    assert clipped.any() and not clipped.all()
    of_feedforward, of_gains = kernels.play_adjoint(
        system.kind, system.time_step, task.weights, instances, gains, references, controls,
        task.simulate(instances, controls).states, system.u_max, False,
    )  # fmt: skip
    # Along a random direction; so small a step flips no clipping here.
    for _ in range(5):
        along_f, along_g = rng.standard_normal(shape), rng.standard_normal((*shape, 2))
        sides = [
            cost(task, instances, played(task, instances, feedforward + h * along_f, gains + h * along_g, references))
            for h in (1e-6, -1e-6)
        ]
        measured = (sides[0] - sides[1]) / 2e-6
        expected = (of_feedforward * along_f).sum(axis=1) + (of_gains * along_g).sum(axis=(1, 2))
        np.testing.assert_allclose(expected, measured, rtol=1e-4, atol=1e-3)


def test_inward_derivatives_are_kept_only_where_they_lead_back():
    task, system = QuadraticTask(SYSTEMS["tight"]), SYSTEMS["tight"]
    # At rest at the target and pushed out with more than all force: less push is better, and a clip hides it.
    instances, feedforward = np.zeros((1, 2)), np.full((1, 15), 9.0)
    nothing = np.zeros((1, 15, 2))
    controls = played(task, instances, feedforward, nothing, nothing)
    states = task.simulate(instances, controls).states
    exact, inward = (
        kernels.play_adjoint(
            system.kind, system.time_step, task.weights, instances, nothing, nothing, controls, states, 1.5, kept
        )[0]
        for kept in (False, True)
    )  # fmt: skip
    assert (exact == 0.0).all() and (inward > 0.0).all()
    # The other way round, the push is right and the bound is what stops it: nothing is kept.
    away = np.array([[-3.0, -3.0]])
    states = task.simulate(away, controls).states
    _, kept = exact, kernels.play_adjoint(
        system.kind, system.time_step, task.weights, away, nothing, nothing, controls, states, 1.5, True
    )[0]  # fmt: skip
    assert kept[0, 0] == 0.0


def test_lqr_is_the_riccati_cost_where_nothing_saturates():
    task, rng = QuadraticTask(SYSTEMS["di"]), np.random.default_rng(4)
    instances = rng.uniform(-0.3, 0.3, (50, 2))
    plans = linear.clipped_lqr(task, instances)
    assert np.abs(plans).max() < task.system.u_max
    P = linear.lqr(task.system).values[0]
    np.testing.assert_allclose(cost(task, instances, plans), np.einsum("bi,ij,bj->b", instances, P, instances))
    np.testing.assert_allclose(task.gradient(instances, plans).plan, 0.0, atol=1e-9)


def test_lqr_of_van_der_pol_is_the_riccati_cost_to_second_order():
    task = QuadraticTask(SYSTEMS["vdp"])
    for mu in (0.5, 2.0):
        instances = np.array([[1e-3, 2e-3, mu]])
        P = linear.lqr(task.system, mu).values[0]
        expected = instances[0, :2] @ P @ instances[0, :2]
        np.testing.assert_allclose(cost(task, instances, linear.clipped_lqr(task, instances)), expected, rtol=1e-4)


def test_clipped_lqr_takes_the_gains_of_each_instance():
    task = QuadraticTask(SYSTEMS["vdp"])
    both = np.array([[1.0, 1.0, 0.5], [1.0, 1.0, 2.0], [-1.0, 0.0, 0.5]])
    together = linear.clipped_lqr(task, both)
    np.testing.assert_array_equal(together, np.concatenate([linear.clipped_lqr(task, row[None]) for row in both]))


def test_ilqr_lowers_the_cost_to_a_stationary_plan(task):
    instances = some_instances(task, 8, np.random.default_rng(5))
    plans, costs = linear.ilqr(task, instances, np.zeros((8, task.horizon)), 60)
    assert (np.diff(costs, axis=1) <= 0.0).all()
    np.testing.assert_allclose(costs[:, -1], cost(task, instances, plans), rtol=1e-14)
    assert (np.abs(plans) <= task.system.u_max).all()
    assert np.abs(task.gradient(instances, plans).projected).max() < 1e-4


def test_ilqr_agrees_with_brute_force_on_a_grid():
    # With all but the first two controls at their optimum, no other pair of a fine grid is cheaper.
    task = QuadraticTask(SYSTEMS["tight"])
    instance = np.array([[2.0, 1.5]])
    plans, costs = linear.ilqr(task, instance, np.zeros((1, 15)), 40)
    pairs = np.array(list(product(np.linspace(-1.5, 1.5, 61), repeat=2)))
    tried = np.tile(plans, (len(pairs), 1))
    tried[:, :2] = pairs
    found = cost(task, np.tile(instance, (len(pairs), 1)), tried)
    assert found.min() >= costs[0, -1] - 1e-9
    assert np.abs(pairs[found.argmin()] - plans[0, :2]).max() <= 0.05


def test_rows_do_not_depend_on_their_batch(task):
    rng = np.random.default_rng(6)
    instances, plans = some_instances(task, 7, rng), rng.uniform(-1, 1, (7, task.horizon))
    whole = [*task.check(instances, plans), *task.simulate(instances, plans), *task.gradient(instances, plans)]
    for b in range(7):
        row = instances[b : b + 1], plans[b : b + 1]
        alone = [*task.check(*row), *task.simulate(*row), *task.gradient(*row)]
        for one, other in zip(whole, alone, strict=True):
            np.testing.assert_array_equal(one[b], other[0])
