"""The equations of TRC, one by one: credit against finite differences and closed forms, network, features, pool."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from control_helpers import SYSTEMS, Brake
from hypothesis import given, settings
from hypothesis import strategies as st
from trc_helpers import trc, visited

from trm_agents.trc.credit import (
    adjoint_credit,
    antithetic,
    antithetic_credit,
    credited,
    losses_of,
    perturbations,
)
from trm_agents.trc.features import action_of, windowed
from trm_agents.trc.memory import SIZE, length_of, remembered, trust_of
from trm_agents.trc.network import CertifiedTimeMixing, Latents, TimeMixing, TinyController
from trm_agents.trc.pool import Pool
from trm_envs.continuous.edits import window_changes
from trm_envs.continuous.mdp import ControlEditMDP
from trm_envs.control.quadratic import QuadraticTask
from trm_envs.instances.adaptive import Retry
from trm_envs.instances.sources import InstancePool


@pytest.mark.parametrize("edit", ["feedback", "plan", "window"])
@pytest.mark.parametrize("system", SYSTEMS)
def test_the_adjoint_credit_is_the_finite_difference(system, edit):
    rng = np.random.default_rng(0)
    mdp, states = visited(QuadraticTask(SYSTEMS[system], edit), 4, rng)
    actions = rng.uniform(-0.03, 0.03, (4, mdp.task.action_size))
    credit = adjoint_credit(mdp, states, actions)
    plans = mdp.task.edit(states.instances, states.plans, actions)
    assert (np.abs(plans) < mdp.task.plan_high).all(), "the exact derivative is asked for, so nothing may be clipped"
    np.testing.assert_allclose(credit.losses, np.log(mdp.task.check(states.instances, plans).cost + 0.01), rtol=1e-12)
    for column in {*range(0, mdp.task.action_size, 7), mdp.task.action_size - 1}:
        nudge = np.zeros_like(actions)
        nudge[:, column] = 1e-5
        measured = (losses_of(mdp, states, actions + nudge) - losses_of(mdp, states, actions - nudge)) / 2e-5
        np.testing.assert_allclose(credit.gradients[:, column], measured, rtol=1e-5, atol=1e-7)


@given(st.integers(0, 2**32 - 1), st.integers(10, 25), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_a_window_is_written_where_the_changes_are_largest(seed, horizon, n_controls):
    rng = np.random.default_rng(seed)
    changes, time = rng.uniform(-1.0, 1.0, (3, horizon * n_controls)), rng.uniform(-1.0, 1.0, (3, 1))
    proposed = torch.as_tensor(np.concatenate([changes, time], axis=1), dtype=torch.float32)
    outputs = torch.zeros(3, horizon, 1)
    action = windowed(outputs, outputs[:, :0, 0], outputs[:, :0, 0], lambda *_: proposed, n_controls).double().numpy()
    assert action.shape == (3, 10 * n_controls + 2) and (np.abs(action) <= 1.0).all()
    np.testing.assert_allclose(action[:, -1:], time, rtol=1e-6)
    written = window_changes(action[:, :-1], horizon, n_controls, 10).reshape(3, horizon, n_controls)
    steps = changes.reshape(3, horizon, n_controls)
    for found, wanted in zip(written, steps, strict=True):
        sums = [(wanted[first : first + 10] ** 2).sum() for first in range(horizon - 9)]
        best = int(np.argmax(sums))
        expected = np.zeros_like(wanted)
        expected[best : best + 10] = wanted[best : best + 10]
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_gradients_flow_to_the_changes_of_a_window_alone():
    outputs = torch.zeros(1, 12, 1, requires_grad=True)
    larger = torch.linspace(0.0, 1.0, 12)[None]
    action = windowed(outputs, outputs[:, :0, 0], outputs[:, :0, 0], lambda *_: outputs[..., 0] + larger, 1)
    action.sum().backward()
    assert outputs.grad is not None and outputs.grad[0, :, 0].tolist() == [0.0] * 2 + [1.0] * 10


def test_a_clipped_control_is_led_back_inside_and_never_further_out():
    task = QuadraticTask(SYSTEMS["tight"], "feedback")
    mdp, states = visited(task, 40, np.random.default_rng(1))
    actions = np.random.default_rng(2).uniform(-1, 1, (40, task.action_size))
    plans = task.edit(states.instances, states.plans, actions)
    of_changes = adjoint_credit(mdp, states, actions).gradients[:, : task.horizon]
    clipped = np.abs(plans) == task.plan_high
    assert clipped.any() and (of_changes[clipped] * plans[clipped] >= 0.0).all()
    assert (of_changes[clipped] != 0.0).any()


@pytest.mark.parametrize("credit", ["adjoint", "antithetic"])
def test_pytorch_differentiates_the_credit(credit):
    """The gradient of the loss in a weight of a chain is the chain rule's."""
    rng = np.random.default_rng(3)
    mdp, states = visited(QuadraticTask(SYSTEMS["tight"], "feedback"), 3, rng)
    scale = torch.tensor(0.01, dtype=torch.float64, requires_grad=True)
    direction = torch.from_numpy(rng.standard_normal((3, mdp.task.action_size)))
    played = (scale * direction).detach().numpy()
    found = (
        adjoint_credit(mdp, states, played)
        if credit == "adjoint"
        else antithetic_credit(mdp, states, played, mdp.task.action_size, 1e-4, rng)
    )
    credited(scale * direction, found).sum().backward()
    step = 1e-6 * direction.numpy()
    measured = (losses_of(mdp, states, played + step) - losses_of(mdp, states, played - step)).sum() / 2e-6
    assert scale.grad is not None and float(scale.grad) == pytest.approx(measured, rel=1e-4)


@settings(max_examples=20, deadline=None)
@given(n=st.integers(1, 6), sigma=st.floats(0.01, 10.0), seed=st.integers(0, 1000))
def test_the_antithetic_estimate_of_a_quadratic_is_exact_with_a_whole_frame(n, sigma, seed):
    """F = x'Hx + g'x + c: with as many pairs as numbers, the estimate is H x + H'x + g, at any sigma."""
    rng = np.random.default_rng(seed)
    H, g, at = rng.standard_normal((n, n)), rng.standard_normal(n), rng.standard_normal((3, n))

    def f(x):
        return np.einsum("mbi,ij,mbj->mb", x, H, x) + x @ g + 7.0

    found = antithetic(f, at, perturbations(n, at.shape, rng), sigma)
    np.testing.assert_allclose(found, at @ (H + H.T) + g, rtol=1e-6, atol=1e-6)


def test_the_antithetic_estimate_of_a_quadratic_is_unbiased_with_fewer_pairs():
    rng = np.random.default_rng(5)
    H, at = np.array([[3.0, 1.0], [0.0, -2.0]]), np.array([[1.0, 2.0]])

    def f(x):
        return np.einsum("mbi,ij,mbj->mb", x, H, x)

    estimates = np.stack([antithetic(f, at, perturbations(1, at.shape, rng), 0.5)[0] for _ in range(4000)])
    error = estimates.std(axis=0) / np.sqrt(len(estimates))
    assert (error > 0.0).all(), "one pair alone is noisy"
    assert (np.abs(estimates.mean(axis=0) - (H + H.T) @ at[0]) < 4.0 * error).all()


def test_perturbations_are_orthogonal_and_of_unit_covariance():
    noise = perturbations(10, (2, 4), np.random.default_rng(6))
    assert noise.shape == (10, 2, 4)
    for state in range(2):
        np.testing.assert_allclose(noise[:4, state] @ noise[:4, state].T, 4.0 * np.eye(4), atol=1e-12)
    assert not np.allclose(noise[:, 0], noise[:, 1]), "states do not share their signs"


def test_antithetic_credit_needs_no_gradient_and_no_quadratic_system():
    mdp = ControlEditMDP(Brake())
    states = mdp.initial(np.array([[20.0], [10.0]]))
    # Off the bounds, and away from the switch of the restoration.
    actions = np.array([[-0.5, -0.4, -0.6, -0.5, 0.1, -0.5], [-0.2, -0.2, -0.3, -0.2, 0.0, -0.5]])
    credit = antithetic_credit(mdp, states, actions, 6, 1e-4, np.random.default_rng(0))
    assert credit.simulations == 2 * 13
    np.testing.assert_array_equal(credit.losses, losses_of(mdp, states, actions))
    assert (
        mdp.check(states._replace(plans=mdp.task.edit(states.instances, states.plans, actions))).violation > 0
    ).all()
    for column in range(6):
        nudge = np.zeros((2, 6))
        nudge[:, column] = 1e-5
        measured = (losses_of(mdp, states, actions + nudge) - losses_of(mdp, states, actions - nudge)) / 2e-5
        np.testing.assert_allclose(credit.gradients[:, column], measured, rtol=1e-4, atol=1e-4)


def test_credit_counts_what_it_simulates():
    mdp, states = visited(QuadraticTask(SYSTEMS["tight"]), 5, np.random.default_rng(0))
    zeros = np.zeros((5, 60))
    assert adjoint_credit(mdp, states, zeros).simulations == 10
    assert antithetic_credit(mdp, states, zeros, 8, 0.1, np.random.default_rng(0)).simulations == 5 * 17


def test_the_core_is_the_equation_that_its_docstring_says():
    torch.manual_seed(0)
    core, z = TimeMixing(5, 4, 7), torch.randn(3, 5, 4)
    mixed = z + torch.einsum("th,bhd->btd", core.mix_out, torch.relu(torch.einsum("ht,btd->bhd", core.mix_in, z)))
    out = mixed + core.channels_out(torch.relu(core.channels_in(mixed)))
    expected = out / (out.square().mean(dim=2, keepdim=True) + 1e-6).sqrt()
    torch.testing.assert_close(core(z), expected)


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 1.0), st.floats(0.1, 100.0))
@settings(max_examples=40, deadline=None)
def test_a_certified_core_contracts_whatever_its_weights_are(seed, lipschitz, scale):
    torch.manual_seed(seed)
    core = CertifiedTimeMixing(5, 4, 7, lipschitz).double()
    with torch.no_grad():
        for weight in core.parameters():
            weight.mul_(scale)
    z = torch.randn(16, 5, 4, dtype=torch.float64) * 3.0
    other = z + torch.randn_like(z) * 10.0 ** torch.linspace(-6, 1, 16, dtype=torch.float64)[:, None, None]
    moved = (core(z) - core(other)).flatten(1).norm(dim=1) / (z - other).flatten(1).norm(dim=1)
    assert (moved <= lipschitz * (1.0 + 1e-9)).all()


def test_a_certified_core_is_the_equation_that_its_docstring_says():
    torch.manual_seed(0)
    core, z = CertifiedTimeMixing(5, 4, 7, 0.5), 0.1 * torch.randn(3, 5, 4)
    mix, channels = (
        each / max(1.0, torch.linalg.svdvals(each)[0].item() * (1.0 + 1e-5))
        for each in (core.mix, core.channels.weight)
    )
    hidden = torch.relu(torch.einsum("ht,btd->bhd", mix, z) + core.mix_bias)
    mixed = z - 2.0 * torch.einsum("ht,bhd->btd", mix, hidden)
    out = mixed - 2.0 * torch.relu(mixed @ channels.T + core.channels.bias) @ channels
    assert out.flatten(1).norm(dim=1).max() < core.radius
    torch.testing.assert_close(core(z), 0.5 * out)
    assert (core(1e3 * z).flatten(1).norm(dim=1) <= 0.5 * core.radius * (1.0 + 1e-6)).all()


@pytest.mark.parametrize("inner", [1, 3])
def test_latents_of_a_certified_core_forget_where_they_began(inner):
    """Where a plan stands, each edit brings latents nearer to one fixed point, in the larger of two norms."""
    torch.manual_seed(0)
    shape = {"width": 8, "hidden_time": 5, "patch": 2, "inner": inner, "whole": 2}
    network = TinyController(6, 2, 3, 4, **shape, lipschitz=0.8).double()
    steps, summary = (torch.randn(4, *size, dtype=torch.float64) for size in ((6, 2), (3,)))
    one, other = (Latents(*torch.randn(2, 4, 4, 8, dtype=torch.float64)) for _ in range(2))
    apart = [_distance(one, other)]
    for _ in range(60):
        one, other = (network(steps, summary, latents)[2] for latents in (one, other))
        apart.append(_distance(one, other))
    for before, after in pairwise(apart):
        assert (after <= 0.8 * before + 1e-14).all()
    assert (apart[-1] < 1e-5).all()


def _distance(one, other):
    return torch.stack([(a - b).flatten(1).norm(dim=1) for a, b in zip(one, other, strict=True)]).amax(0)


@pytest.mark.parametrize("whole", [0, 2])
@pytest.mark.parametrize("inner", [1, 3])
def test_an_edit_takes_inner_steps_of_the_low_latent_and_one_of_the_high(inner, whole):
    torch.manual_seed(0)
    network = TinyController(6, 2, 3, 4, width=8, hidden_time=5, patch=2, inner=inner, whole=whole)
    steps, summary, tokens = torch.randn(3, 6, 2), torch.randn(3, 3), 4 if whole else 3
    low, high = torch.randn(3, tokens, 8), torch.randn(3, tokens, 8)
    edit, of_whole, after = network(steps, summary, Latents(low, high))
    patches = network.embed(steps.reshape(3, 3, 4))
    if whole:
        patches = torch.cat([patches, torch.zeros(3, 1, 8)], 1)
    context = patches + network.embed_summary(summary)[:, None] + network.place
    for _ in range(inner):
        low = network.core(low + high + context)
    high = network.core(high + low)
    torch.testing.assert_close(after.low, low)
    torch.testing.assert_close(after.high, high)
    torch.testing.assert_close(edit, network.readout(high[:, :3]).reshape(3, 6, 4))  # constants begin at zero
    assert of_whole.shape == (3, whole)
    if whole:
        torch.testing.assert_close(of_whole, network.readout_whole(high[:, 3]))


def test_an_action_is_laid_out_as_the_environment_reads_it():
    """Changes, then gains row by row, then gates; the changes are scaled by the size of the problem."""
    outputs = torch.randn(2, 5, 4)
    size = torch.tensor([[0.5], [1.0]])
    action = action_of(outputs, torch.empty(2, 0), torch.zeros(2, SIZE), size, (1, 2, 1))
    torch.testing.assert_close(action[:, :5], torch.tanh(outputs[:, :, 0]) * size)
    torch.testing.assert_close(action[:, 5:15].reshape(2, 5, 2), torch.tanh(outputs[:, :, 1:3]))
    torch.testing.assert_close(action[:, 15:], torch.tanh(outputs[:, :, 3]))


def test_features_know_the_first_state_in_the_units_of_the_others():
    """The path that is read begins with x_0 and goes on with what the simulator says, scaled by one size."""
    model = trc()
    states = model.mdp.initial(np.array([[1.5, -0.75]]))
    observation = model._rules(model.mdp).observe(states, model.mdp.check(states))
    steps, summary, _ = model.policy.reader({key: torch.as_tensor(value) for key, value in observation.items()})
    path = model.mdp.task.simulate(states.instances, states.plans).states[0] / 3.0
    assert float(summary[0, 3]) == pytest.approx(0.5), "the size"
    np.testing.assert_allclose(steps[0, :, 2:4], path[:-1] / 0.5, rtol=1e-5)
    np.testing.assert_allclose(steps[0, :, 4:6], path[1:] / 0.5, rtol=1e-5)
    np.testing.assert_allclose(summary[0, :2], [1.0, -0.5], rtol=1e-6)


def test_a_pool_restarts_a_share_and_ages_the_rest():
    mdp = ControlEditMDP(QuadraticTask(SYSTEMS["tight"]))
    source, rng = InstancePool(np.random.default_rng(0).uniform(-2, 2, (50, 2)), float), np.random.default_rng(1)
    pool, ages = Pool(mdp, 64, (2, 3, 4)), []
    assert len(pool.restart(0.125, source, rng).ages) == 0, "the first states end no episode"
    for _ in range(200):
        done = mdp.transition(pool.states, np.zeros((64, 60)), pool.checks)
        pool.latents = pool.latents + 1.0
        pool.advance(done.successors, done.checks, done.rewards)
        ended = pool.restart(0.125, source, rng)
        np.testing.assert_array_equal(pool.latents[:, 0, 0, 0], pool.ages)
        ages += ended.ages.tolist()
        same = mdp.check(pool.states)
        np.testing.assert_array_equal(same.cost, pool.checks.cost)
    # Geometric: an eighth ends at each age, 8 edits in the mean.
    assert np.mean(ages) == pytest.approx(8.0, abs=0.5)
    assert np.mean(np.array(ages) == 1) == pytest.approx(0.125, abs=0.02)


def test_a_pool_tells_its_source_how_episodes_ended():
    mdp = ControlEditMDP(QuadraticTask(SYSTEMS["tight"]))
    told = []

    class Watched(Retry):
        def report(self, ticket, solved):
            told.append(solved)
            super().report(ticket, solved)

    source = Watched(InstancePool(np.array([[0.01, 0.0], [2.0, 2.0]]), float), 0.5)
    pool, rng = Pool(mdp, 20, (2, 3, 4)), np.random.default_rng(1)
    pool.restart(0.5, source, rng)
    ended = pool.restart(1.0, source, rng)
    assert told == ended.success.tolist() and {True, False} == set(told)
    before = list(told)
    pool.abandon(source)
    assert told == before and pool.states is None


def test_a_refused_edit_is_followed_by_half_of_one():
    """By hand: lengths 1, then 1/2, 1/4, then half as long again, and at most 1; trust is halved for good."""
    memory, lengths = torch.zeros(2, SIZE), []
    for cost in ([3.0, 5.0], [3.0, 4.0], [3.0, 3.0], [2.0, 3.0], [1.0, 2.0], [0.5, 1.0], [0.2, 0.5]):
        memory = remembered(memory, {"cost": torch.tensor(cost)[:, None]})
        lengths.append(length_of(memory)[:, 0])
    found = torch.stack(lengths, 1)
    torch.testing.assert_close(found[0], torch.tensor([1.0, 0.5, 0.25, 0.375, 0.5625, 0.84375, 1.0]))
    torch.testing.assert_close(found[1], torch.tensor([1.0, 1.0, 1.0, 0.5, 0.75, 1.0, 1.0]))
    torch.testing.assert_close(trust_of(memory)[:, 0], torch.tensor([0.25, 0.5]))
    same = {"cost": torch.tensor([[0.2], [0.5]]), "violation": torch.tensor([[0.0], [1.0]])}
    after = remembered(memory, same)
    torch.testing.assert_close(length_of(after)[:, 0], torch.tensor([0.5, 1.0]))  # what does not land is not refused
    torch.testing.assert_close(trust_of(after)[:, 0], torch.tensor([0.125, 0.5]))
    shorter = torch.tensor([[1.0, 5.0, 3.0]])
    actions = [
        action_of(torch.ones(1, 5, 4), torch.empty(1, 0), m, torch.ones(1, 1), (1, 2, 1))
        for m in (0 * shorter, shorter)
    ]
    torch.testing.assert_close(actions[1], actions[0] / 2.0)
