"""The MDP of control plans: bounds, acceptance, rewards, and a task of the user's."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from control_helpers import EDITS, SYSTEMS, Brake, some_instances
from hypothesis import given, settings
from hypothesis import strategies as st

from trm_envs import ControlEditMDP, InstancePool
from trm_envs.continuous.checks import LARGEST_VIOLATION, ControlChecks
from trm_envs.continuous.edits import window_changes
from trm_envs.continuous.env import ControlEditEnv, ControlEditVectorEnv
from trm_envs.continuous.mdp import ControlStates
from trm_envs.continuous.spaces import ControlEditRules, states_of
from trm_envs.control import linear
from trm_envs.control.quadratic import QuadraticTask


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(list(SYSTEMS)),
    st.sampled_from(EDITS),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1e-3, 0.3, 1.0, 1e9]),
)
def test_bounds_hold_to_the_last_bit_in_every_plan(system, edit, seed, size):
    task, rng = QuadraticTask(SYSTEMS[system], edit), np.random.default_rng(seed)
    instances = some_instances(task, 3, rng)
    # Also where the plan that is edited has left the bounds by rounding.
    plans = task.initial_plans(instances) + task.plan_high * (1 + 1e-7)
    for _ in range(4):
        actions = np.clip(size * rng.standard_normal((3, task.action_size)), -1, 1)
        plans = task.edit(instances, plans, actions)
        assert plans.shape == (3, task.plan_size)
        assert (np.abs(plans) <= task.system.u_max).all()
        assert task.check(instances, plans).feasible.all()


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(list(SYSTEMS)), st.sampled_from(EDITS), st.integers(0, 2**32 - 1))
def test_the_accepted_cost_never_rises(system, edit, seed):
    task, rng = QuadraticTask(SYSTEMS[system], edit), np.random.default_rng(seed)
    mdp = ControlEditMDP(task, accept="improving", max_edits=6)
    states = mdp.initial(some_instances(task, 4, rng))
    before = mdp.check(states)
    while states.remaining_edits[0] > 0:
        step = mdp.transition(states, rng.uniform(-1, 1, (4, task.action_size)))
        assert (step.checks.cost <= before.cost).all()
        assert (step.checks.cost < before.cost)[step.accepted].all()
        kept = ~step.accepted
        np.testing.assert_array_equal(step.successors.plans[kept], states.plans[kept])
        np.testing.assert_array_equal(step.successors.best_cost, step.checks.cost)
        np.testing.assert_array_equal(step.checks.cost, task.check(states.instances, step.successors.plans).cost)
        states, before = step.successors, step.checks


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_an_action_of_zeros_changes_nothing(system, edit):
    task, rng = QuadraticTask(SYSTEMS[system], edit), np.random.default_rng(0)
    instances, plans = some_instances(task, 5, rng), rng.uniform(-1, 1, (5, task.plan_size))
    before = instances.copy(), plans.copy()
    np.testing.assert_array_equal(task.edit(instances, plans, np.zeros((5, task.action_size))), plans)
    np.testing.assert_array_equal(instances, before[0])
    np.testing.assert_array_equal(plans, before[1])


@pytest.mark.parametrize("system", SYSTEMS)
def test_one_feedback_edit_can_write_what_clipped_lqr_does(system):
    task, rng = QuadraticTask(SYSTEMS[system], "feedback"), np.random.default_rng(1)
    instances = some_instances(task, 1, rng)
    n, mu = task.horizon, instances[0, 2] if task.instance_size > 2 else 0.0
    gains = -linear.lqr(task.system, mu).gains / (5 * task.system.u_max)
    # All but the last of Van der Pol's are within reach.
    assert np.abs(gains[:-1]).max() <= 1.0
    # Gates open: the feedback steers to the origin.
    action = np.concatenate([np.zeros(n), gains.clip(-1, 1).reshape(-1), np.ones(n)])[None]
    written, expected = task.edit(instances, task.initial_plans(instances), action), linear.clipped_lqr(task, instances)
    np.testing.assert_allclose(written[:, :-1], expected[:, :-1], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(task.check(instances, written).cost, task.check(instances, expected).cost, rtol=1e-4)


def test_closed_gates_hold_the_trajectory():
    task = QuadraticTask(SYSTEMS["vdp"], "feedback")
    instances, plans = np.array([[1.0, -1.0, 1.0]]), np.full((1, 100), 0.5)
    actions = np.concatenate([np.zeros((1, 100)), np.full((1, 200), -1.0), np.full((1, 100), -1.0)], axis=1)
    np.testing.assert_array_equal(task.edit(instances, plans, actions), plans)


def test_a_window_edit_changes_the_steps_that_it_names():
    actions = np.array([[1.0, 2.0, 3.0, 4.0, -1.0], [1.0, 2.0, 3.0, 4.0, 1.0], [1.0, 2.0, 3.0, 4.0, 0.2]])
    changes = window_changes(actions, horizon=5, n_controls=2, width=2)
    assert changes.tolist() == [
        [1, 2, 3, 4, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 1, 2, 3, 4],
        [0, 0, 0, 0, 1, 2, 3, 4, 0, 0],
    ]


@pytest.mark.parametrize(("accept", "shaping"), [("always", True), ("improving", True), ("always", False)])
def test_an_episode_is_worth_the_potential_that_it_ends_with(accept, shaping):
    task, rng = QuadraticTask(SYSTEMS["tight"], "plan"), np.random.default_rng(2)
    mdp = ControlEditMDP(task, max_edits=3, accept=accept, gamma=0.9, shaping=shaping)
    states = mdp.initial(some_instances(task, 5, rng))
    first, worth, checks = mdp.check(states), np.zeros(5), None
    for t in range(3):
        step = mdp.transition(states, rng.uniform(-1, 1, (5, 15)), checks)
        worth += 0.9**t * step.rewards
        states, checks = step.successors, step.checks
        assert step.terminated.all() == (t == 2)
    ending = -np.log(checks.cost + 0.01)
    expected = 0.9**2 * ending - (-np.log(first.cost + 0.01) if shaping else 0.0)
    np.testing.assert_allclose(worth, expected, rtol=1e-12)


@pytest.mark.parametrize("accept", ["always", "improving"])
def test_a_transition_takes_what_the_actions_have_written(accept):
    mdp, rng = ControlEditMDP(QuadraticTask(SYSTEMS["tight"]), accept=accept), np.random.default_rng(0)
    states = mdp.initial(some_instances(mdp.task, 9, rng))
    actions = rng.uniform(-0.3, 0.3, (9, mdp.task.action_size))
    edited = mdp.edited(states, actions)
    np.testing.assert_array_equal(edited.plans, mdp.task.edit(states.instances, states.plans, actions))
    whole, taken = mdp.transition(states, actions), mdp.take(states, edited)
    for one, other in zip((*whole.successors, *whole.checks), (*taken.successors, *taken.checks), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(whole.rewards, taken.rewards)
    np.testing.assert_array_equal(whole.accepted, taken.accepted)


def test_a_reward_by_hand():
    # J = 200 p^2 + sum of 15 times 10 p^2 = 350 for p = 1 at rest and no control.
    task = QuadraticTask(SYSTEMS["di"], "plan")
    mdp = ControlEditMDP(task, max_edits=2, gamma=0.5)
    states = mdp.initial(np.array([[1.0, 0.0]]))
    np.testing.assert_allclose(mdp.check(states).cost, 350.0)
    step = mdp.transition(states, np.zeros((1, 15)))
    np.testing.assert_allclose(step.rewards, np.log(350.01) - 0.5 * np.log(350.01))
    np.testing.assert_allclose(mdp.transition(step.successors, np.zeros((1, 15))).rewards, 0.0)


def test_checks_say_which_constraint_is_worst():
    checks = ControlChecks.measured(
        np.ones(4), np.array([[0.5, 1.0], [3.0, 2.5], [0.0, np.nan], [0.0, 4.0]]), np.array([0.5, 0.5, 0.5, 2.0])
    )
    assert checks.feasible.tolist() == [True, False, False, False]
    assert checks.violation.tolist() == [0.0, 2.0, LARGEST_VIOLATION, 3.0]
    assert checks.worst.tolist() == [-1, 0, 1, 1]
    assert checks.success.tolist() == [True, False, False, False]


def test_less_violation_comes_before_less_cost():
    def checks(cost, violation):
        return ControlChecks.measured(np.array([cost]), np.array([[violation + 1.0]]), np.zeros(1))

    ordered = [checks(1.0, 0.0), checks(2.0, 0.0), checks(0.5, 1.0), checks(0.6, 1.0), checks(0.1, 2.0)]
    for i, better in enumerate(ordered):
        assert not better.improves_on(better)[0]
        for worse in ordered[i + 1 :]:
            assert better.improves_on(worse)[0] and not worse.improves_on(better)[0]
    assert not checks(np.nan, 0.0).improves_on(ordered[-1])[0]


def test_observed_states_are_those_of_the_mdp():
    for system in SYSTEMS:
        task, rng = QuadraticTask(SYSTEMS[system]), np.random.default_rng(3)
        mdp = ControlEditMDP(task)
        rules = ControlEditRules(mdp, "gradient")
        plans = rng.uniform(-1, 1, (6, task.plan_size)) * task.system.u_max
        instances = some_instances(task, 6, rng)
        states = ControlStates(instances, plans, np.full(6, 3, np.int32), np.full(6, np.inf))
        seen = states_of(mdp, rules.observe(states, mdp.check(states)))
        np.testing.assert_allclose(seen.instances, instances, atol=1e-6)
        np.testing.assert_allclose(seen.plans, plans, atol=1e-6)
        assert (np.abs(seen.plans) <= task.system.u_max).all()
        np.testing.assert_array_equal(seen.remaining_edits, 3)


def test_hidden_numbers_are_simulated_and_not_observed():
    """mu=0.5 and mu=2 look alike in first instances, and their plans do not."""
    instances = np.array([[1.0, -0.5, 0.5], [1.0, -0.5, 2.0]])
    for hidden in (0, 1):
        mdp = ControlEditMDP(QuadraticTask(SYSTEMS["vdp"], hidden=hidden))
        states = mdp.initial(instances)
        observation = ControlEditRules(mdp).observe(states, mdp.check(states))
        alike = (observation["instance"][0] == observation["instance"][1]).all()
        assert alike == bool(hidden) and observation["instance"].shape == (2, 3)
        assert observation["cost"][0] != observation["cost"][1]
        if hidden:
            assert (observation["instance"][:, 2] == 0.0).all()
            with pytest.raises(ValueError, match="last 1 numbers of an instance are not observed"):
                states_of(mdp, observation)
    np.testing.assert_array_equal(states.instances, instances)


def test_the_observed_gradient_is_that_of_the_log_cost():
    task = QuadraticTask(SYSTEMS["tight"])
    mdp = ControlEditMDP(task)
    instances = np.array([[1.0, 0.5]])
    states = mdp.initial(instances)
    seen = ControlEditRules(mdp, "gradient").observe(states, mdp.check(states))
    for k in (0, 7, 14):
        nudge = np.zeros((1, 15))
        nudge[0, k] = 1e-6
        sides = [np.log(task.check(instances, side * nudge).cost + 0.01) for side in (1, -1)]
        measured = (sides[0] - sides[1]) / 2e-6 * 1.5
        np.testing.assert_allclose(seen["gradient"][0, k], measured[0].clip(-10, 10), rtol=1e-4)
    np.testing.assert_allclose(seen["cost"][0, 0], np.log(mdp.check(states).cost[0] + 0.01), rtol=1e-6)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"max_edits": 0}, "max_edits must be at least 1, got 0"),
        ({"gamma": 1.5}, r"gamma must be within \[0, 1\], got 1.5"),
        ({"accept": "never"}, "accept must be one of .*'improving'.*got 'never'"),
    ],
)
def test_bad_settings(keywords, message):
    with pytest.raises(ValueError, match=message):
        ControlEditMDP(QuadraticTask(SYSTEMS["di"]), **keywords)


def test_a_task_of_the_users_with_time_in_its_plan_and_several_constraints():
    task = Brake()
    mdp = ControlEditMDP(task, max_edits=3, accept="improving")
    source = InstancePool(np.array([[10.0], [20.0]]), float)
    env = ControlEditVectorEnv(2, mdp, source, autoreset_mode="Disabled")
    observation, info = env.reset(seed=0, options={"instance": [20.0]})
    assert not info["feasible"].any() and (info["best_cost"] == np.inf).all()
    assert np.isfinite(observation["cost"]).all()
    # 10 s at 20 m/s: 200 m, 150 m too many; the speed is 200 tolerances off, and the worse of the two.
    np.testing.assert_allclose(info["violation"], 199.0)
    # Four seconds and a restoration: 5 m/s^2 throughout, 40 m.
    shorter, restored = np.array([0, 0, 0, 0, -1.0, -1]), np.array([0, 0, 0, 0, -0.2, 1.0])
    _, _, _, _, info = env.step(np.stack([shorter, shorter]))
    _, _, _, _, info = env.step(np.stack([restored, shorter]))
    assert info["is_success"].tolist() == [True, False]
    np.testing.assert_allclose(info["cost"][0], 4.0)
    np.testing.assert_allclose(task.simulate(np.array([[20.0]]), env._states.plans[:1]).states[0, -1], [40.0, 0.0])
    # Faster, but it does not stop: not accepted, and the plan is still the feasible one.
    _, rewards, ended, _, info = env.step(np.stack([shorter, restored]))
    assert info["accepted"].tolist()[0] is False and info["best_cost"][0] == 4.0 and ended.all() and rewards[0] == 0.0
    with pytest.raises(ValueError, match="Brake has no gradient: use observe='error'"):
        ControlEditEnv(mdp, source, observe="gradient")
    with pytest.raises(NotImplementedError, match="Brake has no gradient"):
        task.gradient(np.zeros((1, 1)), np.zeros((1, 5)))
    assert pickle.loads(pickle.dumps(mdp)).max_edits == 3


def test_a_source_of_grids_is_refused():
    with pytest.raises(ValueError, match=r"float64, and this source hands out int8.*InstancePool\(instances, float\)"):
        ControlEditEnv(ControlEditMDP(QuadraticTask(SYSTEMS["di"])), InstancePool(np.zeros((1, 2))))
