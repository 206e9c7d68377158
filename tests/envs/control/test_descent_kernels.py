"""The simulator of powered descent against an integrator, finite differences and its own inverse; restoration."""

from __future__ import annotations

import numpy as np
import pytest
from control_helpers import some_descents
from scipy.integrate import solve_ivp

from trm_envs.control import descent_kernels as kernels
from trm_envs.control.descent import PASSES, DescentTask
from trm_envs.control.lander import HORIZON, VEHICLE

TASK = DescentTask()
LAST = 3 * HORIZON


def some_plans(count, rng):
    """Thrusts in all directions within their bounds, and flight times."""
    thrusts = kernels.project(VEHICLE, rng.normal(0.0, 8000.0, (count * HORIZON, 3)))
    return np.concatenate([thrusts.reshape(count, -1), rng.uniform(15.0, 100.0, (count, 1))], axis=1)


def hovering(instances, times):
    plans = TASK.initial_plans(instances)
    plans[:, -1] = times
    return plans


def test_the_step_is_what_an_integrator_of_the_rocket_finds():
    rng = np.random.default_rng(0)
    instances, plans = some_descents(2, rng), some_plans(2, rng)
    for b in range(2):
        state, dt = instances[b], plans[b, -1] / HORIZON
        for k in range(HORIZON):
            thrust = plans[b, 3 * k : 3 * k + 3]
            burning = np.linalg.norm(thrust) / VEHICLE.exhaust

            def rate(_, s, thrust=thrust, burning=burning):
                return [*s[3:6], *(thrust / s[6] - [0.0, 0.0, 3.71]), -burning]

            state = solve_ivp(rate, (0.0, dt), state, "DOP853", rtol=1e-12, atol=1e-12).y[:, -1]
        found = kernels.rollout(VEHICLE, instances[b : b + 1], plans[b : b + 1])[0, -1]
        np.testing.assert_allclose(found, state, rtol=1e-10, atol=1e-7)


def test_straight_up_is_the_rocket_equation():
    # 10 s of full thrust upwards from rest: v = c log(m0 / m) - g t.
    instance = np.array([[0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 2000.0]])
    plan = np.concatenate([np.tile([0.0, 0.0, 13260.0], HORIZON), [10.0]])[None]
    last = kernels.rollout(VEHICLE, instance, plan)[0, -1]
    mass = 2000.0 - 10.0 * 13260.0 / VEHICLE.exhaust
    np.testing.assert_allclose(last[6], mass, rtol=1e-13)
    np.testing.assert_allclose(last[5], VEHICLE.exhaust * np.log(2000.0 / mass) - 37.1, rtol=1e-12)
    np.testing.assert_array_equal(last[[0, 1, 3, 4]], 0.0)


def test_forwards_after_backwards_is_the_identity():
    rng = np.random.default_rng(1)
    instances, plans = some_descents(50, rng), some_plans(50, rng)
    states = kernels.rollout(VEHICLE, instances, plans)
    np.testing.assert_allclose(kernels.rewind(VEHICLE, states[:, -1], plans), states, rtol=1e-11, atol=1e-9)
    back = kernels.rewind(VEHICLE, instances, plans)
    np.testing.assert_allclose(kernels.rollout(VEHICLE, back[:, 0], plans), back, rtol=1e-11, atol=1e-9)


def test_the_adjoint_is_the_finite_difference():
    rng = np.random.default_rng(2)
    instances, plans = some_descents(6, rng), some_plans(6, rng)
    knots, costates = np.array([50, 50, 49, 30, 7, 1]), rng.normal(0.0, 1.0, (6, 7))
    states = kernels.rollout(VEHICLE, instances, plans)
    rows = kernels.sensitivities(VEHICLE, plans, states, knots, costates)

    def value(moved):
        return (kernels.rollout(VEHICLE, instances, moved)[np.arange(6), knots] * costates).sum(axis=1)

    for _ in range(20):
        # Thrusts by newtons and the flight time by milliseconds.
        along = rng.normal(0.0, 1.0, plans.shape) * np.append(np.ones(LAST), 1e-3)
        measured = (value(plans + 1e-2 * along) - value(plans - 1e-2 * along)) / 2e-2
        np.testing.assert_allclose((rows * along).sum(axis=1), measured, rtol=1e-6, atol=1e-7)
    assert (rows[3, 90:LAST] == 0.0).all() and (rows[3, 87:90] != 0.0).all()


def test_the_gradient_of_the_fuel_is_the_finite_difference():
    rng = np.random.default_rng(3)
    instances, plans = some_descents(4, rng), some_plans(4, rng)
    slopes = TASK.gradient(instances, plans).plan
    for _ in range(10):
        along = rng.normal(0.0, 1.0, plans.shape)
        sides = [TASK.check(instances, plans + h * along).cost for h in (1e-3, -1e-3)]
        np.testing.assert_allclose((slopes * along).sum(axis=1), (sides[0] - sides[1]) / 2e-3, rtol=1e-5, atol=1e-6)


def test_the_gradient_of_the_violation_is_the_finite_difference_of_each_constraint():
    rng = np.random.default_rng(4)
    # Far from the pad; nearly there but fast; below the slope; out of fuel.
    instances = some_descents(40, rng)
    plans = np.concatenate([some_plans(20, rng), hovering(instances[20:], rng.uniform(15.0, 60.0, 20))])
    plans[20:30] = kernels.restore(VEHICLE, instances[20:30], plans[20:30], PASSES)
    plans[30:, -1] = 100.0
    checks = TASK.check(instances, plans)
    slopes = TASK.gradient(instances, plans).violation
    assert len(set(checks.worst.tolist())) >= 3
    along = rng.normal(0.0, 1.0, plans.shape)
    sides = [TASK.check(instances, plans + h * along) for h in (1e-4, -1e-4)]
    same = (sides[0].worst == checks.worst) & (sides[1].worst == checks.worst) & (checks.violation < 1e6)
    measured = (sides[0].violation - sides[1].violation) / 2e-4
    expected = np.where(checks.feasible, 0.0, (slopes * along).sum(axis=1))
    assert same.sum() > 25
    np.testing.assert_allclose(expected[same], measured[same], rtol=2e-3, atol=1e-2)


def test_projected_thrusts_are_the_nearest_and_keep_their_bounds_to_the_last_bit():
    rng = np.random.default_rng(5)
    thrusts = rng.normal(0.0, 1.0, (5000, 3)) * rng.choice([1e-12, 1.0, 5000.0, 1e9], (5000, 1))
    thrusts[0] = 0.0
    found = kernels.project(VEHICLE, thrusts)
    norms = np.linalg.norm(found, axis=1)
    assert (norms >= VEHICLE.thrust_low).all() and (norms <= VEHICLE.thrust_high).all()
    assert found[0, :2].tolist() == [0.0, 0.0] and found[0, 2] > 0.0
    given = np.linalg.norm(thrusts[1:], axis=1, keepdims=True)
    np.testing.assert_allclose(found[1:] / norms[1:, None], thrusts[1:] / given, atol=1e-12)
    inside = (given[:, 0] >= VEHICLE.thrust_low) & (given[:, 0] <= VEHICLE.thrust_high)
    np.testing.assert_array_equal(found[1:][inside], thrusts[1:][inside])
    np.testing.assert_array_equal(kernels.project(VEHICLE, found), found)


def test_restoration_lands_at_plausible_flight_times():
    instances = some_descents(60, np.random.default_rng(6))
    landed, errors = np.zeros(60, np.bool_), []
    for time in np.linspace(18.0, 70.0, 14):
        plans = kernels.restore(VEHICLE, instances, hovering(instances, time), PASSES)
        checks = TASK.check(instances, plans)
        landed |= checks.feasible
        errors += checks.terminal_error[checks.feasible].tolist()
    # Every instance lands at one of them, and nearly all plans that land do so exactly, without the tolerances.
    assert landed.all() and np.mean(np.array(errors) < 1e-3) > 0.9


def test_a_restored_plan_stays_as_it_is_bit_for_bit():
    instances = some_descents(30, np.random.default_rng(7))
    plans = kernels.restore(VEHICLE, instances, hovering(instances, 40.0), 30)
    exact = TASK.check(instances, plans).terminal_error < 1e-5
    again = kernels.restore(VEHICLE, instances, plans, PASSES)
    assert exact.mean() > 0.5
    np.testing.assert_array_equal(again[exact], plans[exact])


def test_a_step_along_the_reduced_gradient_is_feasible_to_first_order_and_saves_fuel():
    instances = some_descents(30, np.random.default_rng(8))
    plans = kernels.restore(VEHICLE, instances, hovering(instances, 40.0), PASSES)
    good = TASK.check(instances, plans).terminal_error < 1e-4
    instances, plans = instances[good], plans[good]
    before, slopes = TASK.check(instances, plans), TASK.gradient(instances, plans)
    metric = np.append(np.ones(LAST), (kernels.TIME_UNIT / VEHICLE.thrust_high) ** 2)
    moved = []
    for share in (1.0, 0.5):
        # A few newtons.
        step = -share * 30.0 / np.abs(slopes.projected[:, :LAST]).max(axis=1, keepdims=True) * slopes.projected * metric
        states = TASK.simulate(instances, plans + step).states[:, -1, :6]
        moved.append(np.abs(states).max(axis=1))
        saved = before.cost - TASK.check(instances, plans + step).cost
        np.testing.assert_allclose(saved, -(slopes.plan * step).sum(axis=1), rtol=0.05, atol=1e-6)
        assert (saved > 0.0).all()
    # What is missed falls with the square of the step.
    assert (moved[1] < 0.35 * moved[0] + 1e-6).all() and moved[0].max() < 1.0


@pytest.mark.parametrize("edit", ["plan", "feedback"])
def test_rows_do_not_depend_on_their_batch(edit):
    rng, task = np.random.default_rng(9), DescentTask(edit)
    instances, plans = some_descents(5, rng), some_plans(5, rng)
    actions = rng.uniform(-1.0, 1.0, (5, task.action_size))
    whole = [*task.check(instances, plans), *task.gradient(instances, plans), task.edit(instances, plans, actions)]
    for b in range(5):
        row = instances[b : b + 1], plans[b : b + 1]
        alone = [*task.check(*row), *task.gradient(*row), task.edit(*row, actions[b : b + 1])]
        for one, other in zip(whole, alone, strict=True):
            np.testing.assert_array_equal(one[b], other[0])
