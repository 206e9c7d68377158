"""Powered descent as a task, as edits and step by step: bounds, acceptance, violations, bad instances."""

from __future__ import annotations

import pickle
import re

import gymnasium as gym
import numpy as np
import pytest
from control_helpers import EDITS, an_instance, some_descents
from hypothesis import given, settings
from hypothesis import strategies as st

from trm_envs import ControlEditMDP
from trm_envs.continuous.mdp import ControlStates
from trm_envs.continuous.spaces import ControlEditRules, states_of
from trm_envs.control import altitude
from trm_envs.control.descent import PASSES, DescentTask
from trm_envs.control.descent_kernels import restore
from trm_envs.control.descent_steps import DescentStepRules
from trm_envs.control.guidance import hover_grid, reduced_gradient
from trm_envs.control.lander import HORIZON, VEHICLE

ID = "ControlPlanEdit-PoweredDescent-v0"
GOOD = np.array([an_instance(ID)])


def norms(plans):
    return np.linalg.norm(plans[:, :-1].reshape(len(plans), HORIZON, 3), axis=2)


def assert_within_bounds(plans):
    assert (norms(plans) >= VEHICLE.thrust_low).all() and (norms(plans) <= VEHICLE.thrust_high).all()
    assert (plans[:, -1] >= 15.0).all() and (plans[:, -1] <= 100.0).all()


def landed_plans(count, seed):
    task, instances = DescentTask(), some_descents(count, np.random.default_rng(seed))
    return instances, hover_grid(task, instances, np.linspace(20.0, 50.0, 7))


def test_the_first_plan_hovers_for_the_time_of_constant_braking():
    task = DescentTask()
    plan = task.initial_plans(GOOD)[0]
    np.testing.assert_allclose(plan[:-1].reshape(-1, 3), np.tile([0.0, 0.0, 1900.0 * 3.71], (50, 1)))
    np.testing.assert_allclose(plan[-1], 2.0 * np.sqrt(500.0**2 + 1500.0**2) / np.sqrt(10.0**2 + 20.0**2 + 50.0**2))
    still = GOOD * [1, 1, 1, 0, 0, 0, 1]
    assert task.initial_plans(still)[0, -1] == 100.0


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(EDITS), st.integers(0, 2**32 - 1), st.sampled_from([1e-3, 0.3, 1.0, 1e9]))
def test_bounds_hold_to_the_last_bit_in_every_plan(edit, seed, size):
    task, rng = DescentTask(edit), np.random.default_rng(seed)
    instances = some_descents(2, rng)
    # Also where the plan that is edited has left the bounds, by rounding or by far.
    plans = task.initial_plans(instances) * rng.choice([1.0, 1.0 + 1e-7, 3.0, 0.1])
    for _ in range(3):
        plans = task.edit(instances, plans, np.clip(size * rng.standard_normal((2, task.action_size)), -1, 1))
        assert plans.shape == (2, task.plan_size)
        assert_within_bounds(plans)
        excess = task.excess(task.simulate(instances, plans).states, plans)
        assert (excess[:, 0] <= 0.0).all()


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(EDITS), st.integers(0, 2**32 - 1))
def test_the_accepted_cost_never_rises_and_feasible_stays_feasible(edit, seed):
    task, rng = DescentTask(edit), np.random.default_rng(seed)
    mdp = ControlEditMDP(task, accept="improving", max_edits=5)
    states = mdp.initial(some_descents(3, rng))
    before = mdp.check(states)
    while states.remaining_edits[0] > 0:
        step = mdp.transition(states, rng.uniform(-0.5, 0.5, (3, task.action_size)))
        assert (step.checks.violation <= before.violation).all()
        assert (step.checks.cost <= before.cost)[before.feasible].all()
        kept = ~step.accepted
        np.testing.assert_array_equal(step.successors.plans[kept], states.plans[kept])
        states, before = step.successors, step.checks


@pytest.mark.parametrize("edit", EDITS)
def test_an_action_of_zeros_leaves_a_restored_plan_as_it_is(edit):
    task, (instances, plans) = DescentTask(edit), landed_plans(6, 0)
    plans = restore(VEHICLE, instances, plans, PASSES)
    exact = task.check(instances, plans).terminal_error < 1e-5
    assert exact.any()
    after = task.edit(instances, plans, np.zeros((6, task.action_size)))
    np.testing.assert_allclose(after[exact], plans[exact], rtol=1e-12)


def test_each_kind_of_edit_writes_what_the_page_says():
    (instances, plans), rng = landed_plans(1, 1), np.random.default_rng(0)
    change, last = rng.uniform(-0.1, 0.1, 3 * HORIZON), 0.4
    whole = DescentTask("plan").written(instances, plans, np.append(change, last)[None])[0]
    np.testing.assert_allclose(whole[:-1], plans[0, :-1] + 6630.0 * change)
    np.testing.assert_allclose(whole[-1], plans[0, -1] * np.exp(0.2))
    # The window's place -1 is the first ten steps, and 1 the last ten.
    for place, first in ((-1.0, 0), (1.0, 120)):
        part = DescentTask("window").written(instances, plans, np.concatenate([change[:30], [place, last]])[None])[0]
        expected = plans[0].copy()
        expected[first : first + 30] += 6630.0 * change[:30]
        np.testing.assert_allclose(part[:-1], expected[:-1])
        assert part[-1] == whole[-1]
    # Gains of 0 are the plan edit within its bounds; closed gates and no change hold the trajectory.
    nothing = np.zeros(19 * HORIZON)
    alone = DescentTask("feedback").written(instances, plans, np.concatenate([change, nothing, [last]])[None])
    assert_within_bounds(alone)
    moved = np.linalg.norm(whole[:-1].reshape(-1, 3), axis=1)
    inside = np.repeat((moved > VEHICLE.thrust_low) & (moved < VEHICLE.thrust_high), 3)
    assert inside.any()
    np.testing.assert_allclose(alone[0, :-1][inside], whole[:-1][inside])
    gains = rng.uniform(-1.0, 1.0, 18 * HORIZON)
    held = np.concatenate([np.zeros(150), gains, np.full(HORIZON, -1.0), [0.0]])[None]
    np.testing.assert_allclose(DescentTask("feedback").written(instances, plans, held), plans, rtol=1e-9)
    # By hand: open gates steer to the pad, T_0 + K s_0 brought into the bounds.
    steered = np.concatenate([np.zeros(150), gains, np.ones(HORIZON), [0.0]])[None]
    found = DescentTask("feedback").written(instances, plans, steered)[0, :3]
    unit = 5.0 * 13260.0 / np.array([1500.0] * 3 + [80.0] * 3)
    wanted = plans[0, :3] + (gains[:18].reshape(3, 6) * unit) @ instances[0, :6]
    length = np.linalg.norm(wanted)
    np.testing.assert_allclose(found, wanted * np.clip(length, 4972.0, 13260.0) / length, rtol=1e-9)


def test_violations_are_of_the_size_of_the_log_cost_and_observed():
    mdp = ControlEditMDP(DescentTask())
    states = mdp.initial(some_descents(50, np.random.default_rng(2)))
    checks = mdp.check(states)
    assert checks.violation.min() > 10.0 and (mdp.potential(checks) > -22.0).all()
    np.testing.assert_allclose(mdp.potential(checks), -np.log(checks.cost + 1.0) - np.log(1.0 + checks.violation))
    seen = ControlEditRules(mdp).observe(states, checks)
    np.testing.assert_allclose(seen["violation"][:, 0], np.log1p(checks.violation), rtol=1e-6)
    for system in ("DoubleIntegrator", "VanDerPol"):
        assert "violation" not in gym.make(f"ControlPlanEdit-{system}-v0").observation_space.spaces


def test_the_observed_gradient_is_that_of_minus_the_potential():
    task = DescentTask()
    mdp = ControlEditMDP(task)
    states = mdp.initial(some_descents(4, np.random.default_rng(3)))
    checks, unit = mdp.check(states), (task.plan_high - task.plan_low) / 2.0
    seen = ControlEditRules(mdp, "gradient").observe(states, checks)["gradient"]
    found = task.gradient(states.instances, states.plans)
    expected = found.projected / (checks.cost + 1.0)[:, None] + found.violation / (checks.violation + 1.0)[:, None]
    np.testing.assert_allclose(seen, np.clip(expected * unit, -10, 10), rtol=1e-5, atol=1e-6)
    # A feasible plan shows the reduced gradient of the log fuel alone.
    instances, plans = landed_plans(4, 4)
    states = ControlStates(instances, plans, np.full(4, 3, np.int32), np.full(4, np.inf))
    checks = mdp.check(states)
    assert checks.feasible.all()
    seen = ControlEditRules(mdp, "gradient").observe(states, checks)["gradient"]
    slopes = task.gradient(instances, plans).projected * unit / (checks.cost + 1.0)[:, None]
    np.testing.assert_allclose(seen, np.clip(slopes, -10, 10), rtol=1e-5, atol=1e-6)
    # Plans that went through float32 are edited within the bounds all the same.
    again = states_of(mdp, ControlEditRules(mdp).observe(states, checks))
    np.testing.assert_allclose(again.plans, plans, rtol=1e-5, atol=2e-3)
    assert_within_bounds(task.edit(again.instances, again.plans, np.zeros((4, task.action_size))))


def test_the_restored_gradient_is_the_difference_of_restored_plans():
    """Thrusts and flight time are nudged together, restored, and the fuel is compared."""
    task, rng = DescentTask("plan"), np.random.default_rng(3)
    instances = some_descents(30, rng)
    nothing = np.zeros((30, task.action_size))
    plans = task.edit(instances, task.initial_plans(instances), nothing)
    landed = task.check(instances, plans).feasible
    assert landed.mean() > 0.5
    instances, plans = instances[landed], plans[landed]
    found = task.restored_gradient(instances, plans)
    unit = np.append(np.full(3 * HORIZON, 6630.0), 0.5) * np.where(np.arange(151) < 150, 1.0, plans[:, -1:])
    for columns in (slice(0, 150), slice(150, 151), slice(0, 151)):
        nudge = np.zeros_like(plans)
        nudge[:, columns] = 1e-4 * rng.standard_normal(nudge[:, columns].shape)
        ahead, behind = (task.check(instances, task.edit(instances, plans, side * nudge)).cost for side in (1.0, -1.0))
        expected = 2.0 * (found.projected * unit * nudge).sum(axis=1)
        # A few plans have a thrust just at a bound, where there is a kink.
        assert np.median(np.abs(ahead - behind - expected)) < 1e-4 * np.abs(ahead - behind).mean()
        assert np.corrcoef(ahead - behind, expected)[0, 1] > 0.99


def test_the_reduced_gradient_line_lowers_the_fuel():
    task, (instances, plans) = DescentTask("feedback"), landed_plans(10, 5)
    found, costs = reduced_gradient(task, instances, plans, 10)
    assert np.isfinite(costs).all() and (np.diff(costs, axis=1) <= 0.0).all() and (costs[:, -1] < costs[:, 0]).all()
    np.testing.assert_array_equal(task.check(instances, found).cost, costs[:, -1])
    assert_within_bounds(found)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({0: np.nan}, "instance 0 has nan at index 0: give finite numbers"),
        ({6: 1400.0}, r"instance 0 has 1400 at index 6: give a number within \[1505, 2300\]"),
        ({2: 200.0}, r"instance 0 starts below the glide slope: give z >= tan\(30 degrees\)"),
        ({2: 300.0, 5: -60.0}, "instance 0 cannot stop above the ground, even by full thrust upwards"),
        ({6: 1510.0}, "instance 0 has not the fuel to stop: give more mass than its dry 1505 kg"),
    ],
)
def test_instances_that_cannot_land_are_refused(changes, message):
    instance = GOOD[0].copy()
    for index, value in changes.items():
        instance[index] = value
    with pytest.raises(ValueError, match=message):
        gym.make(ID, instances=instance[None])
    with pytest.raises(ValueError, match=message):
        gym.make("Control-PoweredDescent-v0").unwrapped.reset(options={"instance": instance})


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"shallow": True, "ood": True, "split": "test"}, ValueError, "no shallow approaches out of distribution"),
        ({"curriculum": [500.0]}, ValueError, r"largest distances to the pad in m.*got \[500.0\]"),
        ({"edit": "gains"}, ValueError, "edit must be one of .*'feedback'.*got 'gains'"),
        ({"mu": 1.0}, TypeError, "unknown keyword 'mu'"),
        ({"instances": np.zeros((1, 3))}, ValueError, r"instances must have shape \(B, 7\), got shape \(1, 3\)"),
    ],
)
def test_bad_keywords(keywords, error, message):
    with pytest.raises(error, match=message):
        gym.make(ID, **keywords)


def test_pools_and_curriculum_are_what_the_keywords_say():
    for keywords in ({"curriculum": [1500.0, 4000.0]}, {"curriculum": [1500.0], "generate": True}):
        env = gym.make("Control-PoweredDescent-v0", **keywords).unwrapped
        distances = [np.linalg.norm(env.reset(seed=seed)[0][:3]) * 1500.0 for seed in range(12)]
        assert 600.0 < max(distances) <= 1500.0
    shallow = gym.make("Control-PoweredDescent-v0", shallow=True, split="test").unwrapped
    for seed in range(12):
        x, y, z = shallow.reset(seed=seed)[0][:3]
        assert np.degrees(np.arctan2(z, np.hypot(x, y))) <= 38.001


def test_a_plan_played_step_by_step_is_the_plan():
    task, env = DescentTask(), gym.make("Control-PoweredDescent-v0").unwrapped
    (instances, plans) = landed_plans(1, 6)
    checks, path = task.check(instances, plans), task.simulate(instances, plans).states[0]
    observation, info = env.reset(options={"instance": instances[0]})
    middle, half = np.log(1500.0) / 2.0, np.log(100.0 / 15.0) / 2.0
    worth, flight_time = 0.0, (np.log(plans[0, -1]) - middle) / half
    assert observation[8] == 0.0
    for k, thrust in enumerate(plans[0, :-1].reshape(-1, 3)):
        np.testing.assert_allclose(observation[:7], path[k] / task.state_scale, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(observation[-1], 1.0 - k / HORIZON, rtol=1e-6)
        # The fourth number counts at the first step alone.
        action = np.append(thrust / 13260.0, flight_time if k == 0 else -1.0)
        observation, reward, ended, truncated, info = env.step(action)
        np.testing.assert_allclose(observation[8], flight_time, atol=1e-6)
        assert ended == (k == HORIZON - 1) and not truncated
        worth += reward
    np.testing.assert_allclose(env._states.plans, plans, rtol=1e-12)
    np.testing.assert_allclose(env._states.states[0], path[-1], rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(info["cost"], checks.cost[0], rtol=1e-10)
    np.testing.assert_allclose(worth, -checks.cost[0] / 100.0 - np.log1p(checks.violation[0]), rtol=1e-9, atol=1e-9)
    assert info["is_success"] == checks.success[0] == True  # noqa: E712


def test_what_is_exceeded_on_the_way_is_paid_once_and_never_forgotten():
    task, rules, rng = DescentTask(), DescentStepRules(), np.random.default_rng(7)
    instances = some_descents(8, rng)
    states, worth = rules.initial(instances), np.zeros(8)
    for _ in range(HORIZON):
        done = rules.transition(states, rng.uniform(-1.0, 1.0, (8, 4)), rules.check(states))
        assert (done.states.violations >= states.violations).all()
        worth += done.rewards
        states = done.states
    assert done.terminated.all() and not done.checks.success.any()
    checks = task.check(instances, states.plans)
    np.testing.assert_allclose(states.violations, checks.violation, rtol=1e-9)
    np.testing.assert_allclose(worth, -checks.cost / 100.0 - np.log1p(checks.violation), rtol=1e-9)


def test_the_picture_and_the_text_show_the_slope_and_what_breaks_it():
    task = DescentTask()
    plans = task.initial_plans(GOOD)
    words = re.sub(r"\x1b\[[\d;]*m", "", task.render_text(GOOD[0], plans[0]))
    lines = words.splitlines()
    assert re.match(r"fuel \d+\.\d\d kg in \d+\.\d s   \d+\.\d\d m from the pad at \d+\.\d\d m/s, not landed", lines[0])
    assert "range (m)" in lines[1] and "altitude (m)" in lines[1] and lines[-1].endswith("thrust (N), 4972 to 13260")
    assert len(lines) == 24 and "S" in "".join(lines[2:-1]) and "o" in "".join(lines[2:-1])
    found = hover_grid(task, GOOD, np.linspace(25.0, 40.0, 4))
    assert "landed" in task.render_text(GOOD[0], found[0]) and "not landed" not in task.render_text(GOOD[0], found[0])

    def reds(states):
        flight = altitude.Flight(states, np.append(np.tile([0.0, 0.0, 7000.0], HORIZON), 30.0), 100.0, True)
        pixels = altitude.image(flight)
        assert pixels.shape == (480, 480, 3)
        return int(((pixels[..., 0] > 150) & (pixels[..., 1] < 60) & (pixels[..., 2] < 70)).sum())

    steep = np.array([[1000.0, 0, 1000, 0, 0, 0, 1900], [500, 0, 400, 0, 0, 0, 1900], [0, 0, 0, 0, 0, 0, 1900]])
    low = steep.copy()
    low[1, 2] = 200.0
    assert reds(steep) == 0 and reds(low) > 10


def test_tasks_and_environments_can_be_pickled():
    assert pickle.loads(pickle.dumps(DescentTask("window"))).kind == "window"
    env = gym.make("Control-PoweredDescent-v0", generate=True, curriculum=[2000.0, 4000.0]).unwrapped
    env.reset(seed=0)
    copy = pickle.loads(pickle.dumps(env))
    np.testing.assert_array_equal(env.reset()[0], copy.reset()[0])
