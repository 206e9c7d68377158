"""Receding-horizon control under the acceptance test: stable whatever edits the plans, and not without the test."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from control_helpers import SYSTEMS
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import solve_discrete_are
from trc_helpers import VDP, trc

from trm_agents.trc.receding import Receding
from trm_envs.continuous.mdp import ControlEditMDP
from trm_envs.control import kernels, terminal
from trm_envs.control.descent import DescentTask
from trm_envs.control.quadratic import QuadraticTask
from trm_envs.control.sources import pool_instances


class Wild:
    """Edits at random, each time for itself."""

    def __init__(self, size, scale):
        self.size, self.scale, self.rng = size, scale, np.random.default_rng(0)

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        batch = len(observation["plan"])
        return self.scale * self.rng.standard_normal((batch, self.size)), None


@cache
def cached(name, mu):
    return terminal.terminal(SYSTEMS[name], mu)


def first_states(name, count, mu=1.0):
    if name == "vdp":
        return pool_instances("control-van-der-pol", "validation", mu=(mu, mu))[:count]
    return pool_instances("control-double-integrator", "validation")[:count]


@pytest.mark.parametrize(("name", "mu"), [("di", 0.0), ("tight", 0.0), ("vdp", 0.5), ("vdp", 2.0)])
def test_the_terminal_cost_is_the_riccati_cost_with_slack(name, mu):
    system = SYSTEMS[name]
    a_pp, a_pv, a_vp, a_vv, b_p, b_v = kernels.jacobian(system.kind, system.time_step, mu, 0.0, 0.0, 0.0)
    A, B = np.array([[a_pp, a_pv], [a_vp, a_vv]]), np.array([[b_p], [b_v]])
    P = solve_discrete_are(A, B, np.diag(system.weights[:2]), np.array([[system.weights[2]]]))
    found = terminal.terminal(system, mu)
    np.testing.assert_allclose(found.matrix, (1.0 + terminal.SLACK) * P, rtol=1e-8)
    np.testing.assert_allclose(found.gain, (np.linalg.solve(0.1 + B.T @ P @ B, B.T @ P @ A))[0], rtol=1e-8)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([("tight", 0.0), ("vdp", 0.5), ("vdp", 1.0), ("vdp", 2.0)]), st.integers(0, 2**32 - 1))
def test_the_terminal_set_is_invariant_and_its_cost_falls_by_the_stage_cost(which, seed):
    (name, mu), rng = which, np.random.default_rng(seed)
    system = SYSTEMS[name]
    found = cached(name, mu)
    directions = rng.standard_normal((50, 2))
    sizes = np.sqrt(found.level * rng.uniform(0.0, 1.0, 50) / found.cost(directions))
    states = directions * sizes[:, None]
    controls = -states @ found.gain
    assert (np.abs(controls) <= system.u_max * (1.0 + 1e-12)).all()
    instances = np.concatenate([states, np.full((50, 1), mu)], axis=1)
    after = kernels.steps(system.kind, system.time_step, instances, states, controls)
    fall = found.cost(states) - found.cost(after)
    assert (fall >= terminal.stage_costs(system, states, controls) - 1e-12).all()
    assert (found.cost(after) <= found.level).all()


def test_a_larger_set_would_break_a_premise():
    """On its edge the feedback reaches the bound of the control, so the set cannot grow."""
    system = SYSTEMS["tight"]
    found = terminal.terminal(system)
    edge = np.linalg.solve(found.matrix, found.gain)
    edge *= np.sqrt(found.level / float(found.cost(edge[None])[0]))
    assert abs(float(found.gain @ edge)) == pytest.approx(system.u_max)


def test_values_and_continued_plans_by_hand():
    task, found = QuadraticTask(SYSTEMS["tight"]), terminal.terminal(SYSTEMS["tight"])
    rng = np.random.default_rng(1)
    instances, plans = rng.uniform(-1, 1, (4, 2)), rng.uniform(-1, 1, (4, 15))
    path = task.simulate(instances, plans).states
    by_hand = sum(terminal.stage_costs(task.system, path[:, k], plans[:, k]) for k in range(15))
    valued = terminal.value(task, found, instances, plans)
    np.testing.assert_allclose(valued.values, by_hand + found.cost(path[:, -1]))
    np.testing.assert_array_equal(valued.feasible, found.cost(path[:, -1]) <= found.level)
    rest = terminal.continued(task, found, instances, plans, path[:, 1])
    np.testing.assert_array_equal(rest[:, :-1], plans[:, 1:])
    np.testing.assert_allclose(rest[:, -1], np.clip(-path[:, -1] @ found.gain, -1.5, 1.5))


@pytest.mark.parametrize("noise", [0.0, 0.0025])
@pytest.mark.parametrize("name", ["tight", "vdp"])
@pytest.mark.parametrize("scale", [0.02, 1.0])
def test_no_editor_breaks_what_the_theorem_promises(name, noise, scale):
    mdp = ControlEditMDP(QuadraticTask(SYSTEMS[name]))
    loop = Receding(Wild(mdp.task.action_size, scale), mdp).run(first_states(name, 12), 40, noise)
    assert loop.controls.shape == (loop.started.sum(), 40) and loop.started.mean() > 0.7
    assert loop.violations == 0, loop.summary()
    assert "0 violations" in loop.summary() and f"{loop.controls.size} steps" in loop.summary()
    assert (np.abs(loop.controls) <= mdp.task.system.u_max).all()
    ends = loop.states[:, -1]
    assert (np.abs(ends) <= 0.5 * np.abs(loop.states[:, 0]).max(axis=1, keepdims=True) + 0.05).all()
    if not noise:
        spent = terminal.stage_costs(mdp.task.system, loop.states[:, :-1].reshape(-1, 2), loop.controls.reshape(-1))
        assert (np.diff(loop.values, axis=1) <= -spent.reshape(loop.controls.shape) + 1e-6).all()


@pytest.mark.parametrize("name", ["tight", "vdp"])
def test_without_the_test_the_promises_are_broken(name):
    mdp = ControlEditMDP(QuadraticTask(SYSTEMS[name]))
    loop = Receding(Wild(mdp.task.action_size, 0.3), mdp, test=False).run(first_states(name, 6), 20)
    assert loop.violations > 10 and loop.accepted.all()


def test_a_controller_edits_what_it_continues():
    """Edits of one that has hardly learned are taken at times, and only where they lower the value."""
    model = trc(f"trm_envs:{VDP}", batch_size=32, learning_rate=4e-3, policy_kwargs={}).learn(60 * 64)
    loop = Receding(model, model.mdp, edits=2).run(first_states("vdp", 12), 10)
    assert loop.violations == 0 and loop.accepted.any()


def test_noise_is_seeded_and_other_systems_are_refused():
    mdp = ControlEditMDP(QuadraticTask(SYSTEMS["tight"]))
    model = Wild(mdp.task.action_size, 0.0)
    one, two, three = (Receding(model, mdp).run(first_states("tight", 3), 5, 0.01, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.states, two.states)
    assert not np.array_equal(one.states, three.states)
    with pytest.raises(ValueError, match="needs a quadratic system, got DescentTask"):
        Receding(model, ControlEditMDP(DescentTask()))
