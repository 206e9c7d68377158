"""TRC on powered descent: credit through the restoration, a frame of the vehicle's own, and learning."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from agent_helpers import assert_same_weights, weights
from control_helpers import some_descents
from trc_helpers import DESCENT, trc

from trm_agents import TRC, presets
from trm_agents.trc.credit import adjoint_credit, losses_of
from trm_agents.trc.descent_features import DescentReader, Slopes, action_of, turn_of, turned
from trm_agents.trc.playing import play
from trm_envs.continuous.mdp import ControlEditMDP
from trm_envs.continuous.spaces import ControlEditRules
from trm_envs.control.descent import DescentTask
from trm_envs.control.descent_sources import descent_instances
from trm_envs.control.lander import HORIZON
from trm_envs.control.reference import descent_reference


def environment(**kwargs):
    return gym.make(DESCENT, observe="gradient", accept="improving", **kwargs)


def landed(count, seed, edit="plan"):
    """An MDP and states with plans that land, one edit old."""
    mdp, rng = ControlEditMDP(DescentTask(edit)), np.random.default_rng(seed)
    states = mdp.initial(some_descents(count, rng))
    states = mdp.transition(states, np.zeros((count, mdp.task.action_size))).successors
    good = mdp.check(states).feasible
    return mdp, type(states)(*(part[good] for part in states)), rng


def observed(mdp, states, observe="gradient"):
    rules = ControlEditRules(mdp, observe)
    values = rules.observe(states, mdp.check(states))
    return rules.observation_space, {key: torch.as_tensor(value) for key, value in values.items()}


@pytest.mark.parametrize("edit", ["plan", "window"])
def test_the_adjoint_credit_is_the_finite_difference_through_the_restoration(edit):
    mdp, states, rng = landed(30, 0, edit)
    actions = 0.01 * rng.standard_normal((len(states.plans), mdp.task.action_size))
    credit = adjoint_credit(mdp, states, actions)
    np.testing.assert_array_equal(credit.losses, losses_of(mdp, states, actions))
    np.testing.assert_array_equal(credit.edited.plans, mdp.task.edit(states.instances, states.plans, actions))
    good = credit.edited.checks.feasible
    assert good.mean() > 0.9
    changes = 150 if edit == "plan" else 30
    for columns in (slice(0, changes), slice(mdp.task.action_size - 1, None)):
        nudge = np.zeros_like(actions)
        nudge[:, columns] = 1e-4 * rng.standard_normal(nudge[:, columns].shape)
        measured = losses_of(mdp, states, actions + nudge) - losses_of(mdp, states, actions - nudge)
        expected = 2.0 * (credit.gradients * nudge).sum(axis=1)
        # A clipped thrust keeps the derivative that leads back inside: those plans differ, and they are few.
        assert np.median(np.abs(measured - expected)[good]) < 1e-2 * np.abs(measured[good]).mean()


def test_where_a_plan_does_not_land_other_flight_times_say_what_it_lacks():
    mdp, states, _ = landed(20, 1)
    actions = np.zeros((len(states.plans), mdp.task.action_size))
    actions[:, -1] = -1.0  # far too short for many
    lost = ~mdp.edited(states, actions).checks.feasible
    assert lost.any() and not lost.all()
    credit = adjoint_credit(mdp, states, actions)
    assert (credit.gradients[lost, :-1] == 0.0).all()
    assert (credit.gradients[lost, -1] < 0.0).mean() > 0.5, "more time lowers the loss"
    assert credit.simulations == 2 * (len(lost) + lost.sum())


def test_turned_vehicles_start_ahead_and_to_the_left():
    first = torch.as_tensor(some_descents(20, np.random.default_rng(2)), dtype=torch.float32)
    turn = turn_of(first)
    position, velocity = turned(first[:, None, :3], turn)[:, 0], turned(first[:, None, 3:6], turn)[:, 0]
    np.testing.assert_allclose(position[:, 1], 0.0, atol=1e-2)
    assert (position[:, 0] >= 0.0).all() and (velocity[:, 1] >= -1e-4).all()
    torch.testing.assert_close(position.norm(dim=1), first[:, :3].norm(dim=1))
    torch.testing.assert_close(turn @ turn.transpose(1, 2), torch.eye(2).expand(20, 2, 2))


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_turned_problem_is_read_alike_and_its_edit_is_turned(mirrored):
    mdp, states, rng = landed(8, 3)
    cos, sin, side = np.cos(1.1), np.sin(1.1), -1.0 if mirrored else 1.0
    matrix = np.array([[cos, -sin * side, 0.0], [sin, cos * side, 0.0], [0.0, 0.0, 1.0]])
    vectors = [states.instances[:, :3] @ matrix.T, states.instances[:, 3:6] @ matrix.T, states.instances[:, 6:]]
    thrusts = states.plans[:, :-1].reshape(-1, HORIZON, 3) @ matrix.T
    plans = np.concatenate([thrusts.reshape(len(states.plans), -1), states.plans[:, -1:]], axis=1)
    other = states._replace(instances=np.concatenate(vectors, axis=1), plans=plans)
    space, observation = observed(mdp, states)
    reader = DescentReader(mdp.task, space)
    one, two = reader(observation), reader(observed(mdp, other)[1])
    torch.testing.assert_close(one.steps, two.steps, atol=2e-2, rtol=1e-2)
    torch.testing.assert_close(one.summary, two.summary, atol=2e-2, rtol=1e-2)
    outputs = torch.as_tensor(0.1 * rng.standard_normal((len(plans), HORIZON, 6)), dtype=torch.float32)
    whole = torch.as_tensor(0.1 * rng.standard_normal((len(plans), 3)), dtype=torch.float32)
    found, expected = (read.write(outputs, whole, torch.zeros(len(plans), 3)) for read in (two, one))
    torch.testing.assert_close(found[:, -1], expected[:, -1], atol=1e-3, rtol=1e-3)
    turned_changes = expected[:, :-1].reshape(-1, HORIZON, 3) @ torch.as_tensor(matrix.T, dtype=torch.float32)
    torch.testing.assert_close(found[:, :-1].reshape(-1, HORIZON, 3), turned_changes, atol=2e-3, rtol=1e-3)


def test_an_action_by_hand():
    """T + 6,630 N tanh(s tanh f - 20 G g), with s = 1/2 and no turn, and the flight time likewise."""
    outputs, whole = torch.zeros(1, 2, 6), torch.tensor([[0.4, 0.0, 0.0]])
    outputs[0, 1] = torch.tensor([0.3, 0.0, -0.2, 0.5, 0.0, 9.0])
    slopes = Slopes(torch.tensor([[[0.0, 0.0, 0.0], [0.01, 0.02, -0.001]]]), torch.tensor([[0.05]]))
    found = action_of(outputs, whole, torch.zeros(1, 3), torch.eye(2)[None], slopes)[0]
    expected = [
        np.tanh(0.5 * np.tanh(0.3) - 20.0 * 0.01 * np.exp(1.0)),
        np.tanh(-20.0 * 0.02),
        np.tanh(0.5 * np.tanh(-0.2) + 20.0 * 0.001 * np.exp(3.0)),  # the gain is at its bound
        np.tanh(0.2 - 2.0 * 0.05),
    ]
    np.testing.assert_allclose(found[:3], 0.0)
    np.testing.assert_allclose(found[3:], expected, rtol=1e-5)
    # After two refusals and a growth: free changes a quarter, all of it three eighths.
    memory = torch.tensor([[-np.log2(0.375), 2.0, 5.0]], dtype=torch.float32)
    later = action_of(outputs, whole, memory, torch.eye(2)[None], slopes)[0]
    first = 0.375 * np.tanh(0.125 * np.tanh(0.3) - 20.0 * 0.01 * np.exp(1.0))
    np.testing.assert_allclose(later[[3, 4, 6]], [first, 0.375 * expected[1], 0.375 * np.tanh(0.05 - 0.1)], rtol=1e-5)


def test_slopes_of_plans_that_do_not_land_are_not_followed():
    mdp, states, _ = landed(4, 4)
    states.plans[0, -1] *= 0.5
    space, observation = observed(mdp, states)
    reader = DescentReader(mdp.task, space)
    batch = len(states.plans)
    action = reader(observation).write(torch.zeros(batch, HORIZON, 6), torch.zeros(batch, 3), torch.zeros(batch, 3))
    assert (action[0] == 0.0).all() and (action[1:] != 0.0).any()


@pytest.mark.parametrize("kwargs", [{}, {"credit": "antithetic", "pairs": 2}], ids=["adjoint", "antithetic"])
def test_killed_and_resumed_run_equals_an_uninterrupted_one(kwargs, tmp_path):
    # Neither rate nor noise depends on how many steps are planned.
    small = {"batch_size": 3, "exploration": 0.0, **kwargs}
    whole = trc(environment(), **small).learn(4 * 6)
    trc(environment(), **small).learn(2 * 6).save(tmp_path / "killed.zip")
    resumed = TRC.load(tmp_path / "killed.zip", env=environment(), device="cpu", force_reset=False)
    assert_same_weights(weights(whole), weights(resumed.learn(2 * 6, reset_num_timesteps=False)))


def test_windows_of_a_descent_are_trained_and_played():
    model = trc(environment(edit="window"), batch_size=4).learn(16)
    action, _ = model.predict(model.env.reset())
    assert action.shape == (1, 32) and np.abs(action).max() <= 1.0


def test_without_a_gradient_observed_it_edits_freely():
    model = trc(gym.make(DESCENT), batch_size=2).learn(4)
    assert model.policy.reader.outputs == 3 and model.policy.reader.whole == 2
    action, _ = model.predict(model.env.reset())
    assert action.shape == (1, 151)


def test_it_learns_to_land_with_less_fuel():
    """A few steps of training; the table in docs/notebook/control.md has what the preset comes to."""
    settings = presets.settings("trc", DESCENT)
    model = TRC("TRCPolicy", environment(), seed=0, device="cpu", **{**settings, "batch_size": 16})
    assert sum(p.numel() for p in model.policy.network.parameters()) < 20_000
    instances, optimum = descent_instances("validation")[:24], descent_reference("validation").costs[:24]

    def gap():
        played = play(model, model.mdp, instances, 3, "gradient")
        return np.where(played.checks.feasible, played.checks.cost / optimum - 1.0, 1.0)

    before = gap()
    model.learn(80 * 32)
    after = gap()
    assert after.min() > -2e-3, "no plan is better than the reference optimum by more than its tolerances"
    assert np.median(after) < 0.6 * np.median(before)
