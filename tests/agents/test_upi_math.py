"""The equations of UPI-TRM, one by one."""

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from trm_agents.common.checker_values import enumerated
from trm_agents.recursion import token_network
from trm_agents.upi_trm import improvement
from trm_agents.upi_trm.mixture import SnapshotMixture
from trm_agents.upi_trm.targets import k_step_targets
from trm_envs import InstancePool, PlanEditEnv
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.spaces import observe
from trm_envs.sudoku.task import SudokuTask

PUZZLE = np.array([[1, 0, 0, 0, 0, 0, 3, 0, 0, 4, 0, 0, 0, 0, 0, 2]], np.int8)


def random_policy(rng, batch, actions):
    mask = rng.random((batch, actions)) < 0.5
    mask[np.arange(batch), rng.integers(actions, size=batch)] = True
    weights = rng.random((batch, actions)) ** 4 * mask
    weights[np.arange(batch), mask.argmax(1)] += 1e-3
    policy = torch.as_tensor(weights / weights.sum(1, keepdims=True)).float()
    return policy, torch.as_tensor(mask)


def hand_targets(horizon):
    """Three steps, one env: rewards 1, 2, 4; gamma 0.5; U of the following states 8, 16, 32."""
    return k_step_targets(
        np.array([[1.0], [2.0], [4.0]]),
        np.zeros((3, 1), bool),
        np.zeros((3, 1), bool),
        np.array([[8.0], [16.0], [32.0]]),
        0.5,
        horizon,
    )[:, 0]


def test_k_step_targets_by_hand():
    assert hand_targets(1) == pytest.approx([1 + 4, 2 + 8, 4 + 16])
    assert hand_targets(2) == pytest.approx([1 + 0.5 * (2 + 8), 2 + 0.5 * (4 + 16), 4 + 16])
    assert hand_targets(3) == pytest.approx([1 + 0.5 * (2 + 0.5 * (4 + 16)), 2 + 0.5 * (4 + 16), 4 + 16])
    assert hand_targets(50) == pytest.approx(hand_targets(3))


def test_nothing_is_bootstrapped_past_a_terminal_and_truncation_bootstraps_there():
    rewards, following = np.array([[1.0], [2.0], [4.0]]), np.array([[8.0], [16.0], [32.0]])
    terminated, truncated = np.array([[False], [True], [False]]), np.array([[False], [False], [False]])
    ended = k_step_targets(rewards, terminated, truncated, following, 0.5, 3)[:, 0]
    assert ended == pytest.approx([1 + 0.5 * 2, 2, 4 + 16])
    cut = k_step_targets(rewards, truncated, terminated, following, 0.5, 3)[:, 0]
    assert cut == pytest.approx([1 + 0.5 * (2 + 0.5 * 16), 2 + 0.5 * 16, 4 + 16])


@settings(deadline=None)
@given(
    arrays(np.float32, (4, 7), elements=st.floats(-1000, 1000, width=32)),
    st.integers(0, 10_000),
    st.floats(0.5, 20.0),
)
def test_centring_is_exact_to_float32_even_after_clipping(values, seed, limit):
    policy, mask = random_policy(np.random.default_rng(seed), 4, 7)
    q = torch.as_tensor(values)
    advantages = improvement.centred(q, policy, mask)
    # Rounding of a handful of float32 sums of this magnitude, nothing more.
    tolerance = 16 * torch.finfo(torch.float32).eps * float(q.abs().max() + 1)
    assert float(improvement.centring_defect(advantages, policy)) <= tolerance
    clipped = improvement.clipped(advantages, policy, mask, limit)
    assert float(improvement.centring_defect(clipped, policy)) <= 16 * torch.finfo(torch.float32).eps * limit
    assert not advantages[~mask].any()
    assert not clipped[~mask].any()


def test_clipping_alone_would_not_be_centred():
    policy, mask = torch.tensor([[0.9, 0.1]]), torch.tensor([[True, True]])
    advantages = improvement.centred(torch.tensor([[0.0, 100.0]]), policy, mask)
    assert float(improvement.centring_defect(advantages.clamp(-20, 20), policy)) > 1.0
    assert float(improvement.centring_defect(improvement.clipped(advantages, policy, mask, 20.0), policy)) < 1e-5


def test_candidate_by_hand_and_zero_on_illegal_actions():
    policy = torch.tensor([[0.25, 0.75, 0.0]])
    mask = torch.tensor([[True, True, False]])
    advantages = torch.tensor([[np.log(3.0), 0.0, 0.0]])
    assert improvement.candidate(policy, advantages, mask, 1.0)[0].tolist() == pytest.approx([0.5, 0.5, 0.0])
    # All actions count, not just a sampled one: raising any advantage raises that action.
    raised = improvement.candidate(policy, torch.tensor([[0.0, 1.0, 0.0]]), mask, 1.0)
    assert float(raised[0, 1]) > 0.75


def test_conservative_step_is_exact_at_its_ends():
    rng = np.random.default_rng(0)
    policy, mask = random_policy(rng, 5, 6)
    better = improvement.candidate(policy, torch.as_tensor(rng.normal(size=(5, 6))).float() * mask, mask, 2.0)
    assert torch.equal(improvement.mixture(policy, better, 0.0), policy)
    assert torch.equal(improvement.mixture(policy, better, 1.0), better)


def test_divergences_are_finite_on_masked_actions():
    mask = torch.tensor([[True, True, False]])
    log_policy = improvement.masked_log_softmax(torch.tensor([[1.0, 2.0, 50.0]]), mask)
    target = torch.tensor([[0.0, 1.0, 0.0]])
    expected = np.log(1 + np.exp(-1.0))
    assert float(improvement.cross_entropy(target, log_policy)) == pytest.approx(expected, rel=1e-5)
    assert float(improvement.kl_divergence(target, log_policy)) == pytest.approx(expected, rel=1e-5)
    same = log_policy.exp() * mask
    assert float(improvement.kl_divergence(same, log_policy)) == pytest.approx(0.0, abs=1e-6)


def constant(value):
    return lambda states, potential, rows: np.full(len(rows), value, np.float32)


@pytest.mark.parametrize("shaping", [True, False])
def test_enumerated_values_equal_env_step_for_every_action(shaping):
    mdp = PlanEditMDP(SudokuTask(4), max_edits=3, shaping=shaping)
    states = mdp.initial(PUZZLE)
    q = enumerated(mdp, states, mdp.check(states), constant(5.0), 0.0).q[0]
    mask = mdp.action_mask(states)[0]
    for action in range(mdp.n_actions):
        if mask[action]:
            env = PlanEditEnv(mdp, InstancePool(PUZZLE))
            env.reset(seed=0)
            _, reward, terminated, _, _ = env.step(action)
            assert q[action] == pytest.approx(reward + (0.0 if terminated else mdp.gamma * 5.0), rel=1e-6)
        else:
            assert q[action] == 0.0


def test_enumeration_does_not_bootstrap_past_the_last_edit():
    mdp = PlanEditMDP(SudokuTask(4))
    states = PlanStates(PUZZLE, PUZZLE.copy(), np.array([1], np.int32))
    checks = mdp.check(states)
    values = [enumerated(mdp, states, checks, constant(v), 0.0).q for v in (0.0, 1e6)]
    assert np.array_equal(*values)


def test_checker_weight_blends_the_checker_with_the_value():
    mdp = PlanEditMDP(SudokuTask(4))
    states = mdp.initial(PUZZLE)
    checks = mdp.check(states)
    learned = enumerated(mdp, states, checks, constant(3.0), 0.0).q
    checker = enumerated(mdp, states, checks, None, 1.0)
    half = enumerated(mdp, states, checks, constant(3.0), 0.5).q
    assert half == pytest.approx((learned + checker.q) / 2)
    assert checker.queries == int(mdp.action_mask(states).sum())


def networks(count):
    base = token_network(PlanEditMDP(SudokuTask(4)))
    out = []
    for seed in range(count):
        generator = torch.Generator().manual_seed(seed)
        network = token_network(PlanEditMDP(SudokuTask(4)))
        network.load_state_dict(
            {k: v + torch.randn(v.shape, generator=generator) for k, v in base.state_dict().items()}
        )
        out.append(network)
    return out


def probabilities(network, observation, mask):
    return improvement.masked_log_softmax(network(observation).logits, mask).exp().double() * mask


def mixture_case():
    mdp = PlanEditMDP(SudokuTask(4))
    states = mdp.initial(PUZZLE)
    observation = {
        "instance": torch.as_tensor(PUZZLE),
        "plan": torch.as_tensor(PUZZLE),
        "remaining_edits": torch.tensor([[16]]),
    }
    return observation, torch.as_tensor(mdp.action_mask(states))


@torch.no_grad()
def test_exact_mixture_over_many_promotions():
    observation, mask = mixture_case()
    steps = networks(6)
    mixture = SnapshotMixture(steps[0], capacity=8)
    expected = probabilities(steps[0], observation, mask)
    for network, alpha in zip(steps[1:], (0.3, 1e-3, 0.5, 0.2, 0.9), strict=True):
        assert mixture.promote(network, alpha) == 0.0
        expected = (1 - alpha) * expected + alpha * probabilities(network, observation, mask)
        got = mixture.probabilities(observation, mask)
        assert torch.allclose(got.double(), expected, atol=1e-6)
        assert not got[~mask].any()
        assert float(got.sum()) == pytest.approx(1.0, abs=1e-5)
        assert float(mixture.weights.sum()) == pytest.approx(1.0, abs=1e-12)


@torch.no_grad()
def test_mixture_at_the_ends_of_alpha_and_when_full():
    observation, mask = mixture_case()
    first, second, third = networks(3)
    mixture = SnapshotMixture(first, capacity=2)
    mixture.promote(second, 0.0)
    assert torch.allclose(
        mixture.probabilities(observation, mask).double(), probabilities(first, observation, mask), atol=1e-6
    )
    mixture.promote(second, 0.25)
    assert mixture.promote(third, 0.2) == pytest.approx(0.2)
    assert sorted(mixture.weights.tolist()) == pytest.approx([0.4, 0.6])
    mixture.promote(second, 1.0)
    assert torch.allclose(
        mixture.probabilities(observation, mask).double(), probabilities(second, observation, mask), atol=1e-6
    )


@torch.no_grad()
@pytest.mark.parametrize("alphas", [(0.3,), (0.05,), (1e-3, 0.4, 0.9, 0.02), (0.7, 0.0)])
def test_expiry_never_moves_a_mixture_by_more_than_its_bound(alphas):
    """Hundreds of promotions against the mixture of everything that was ever promoted."""
    mdp, rng = PlanEditMDP(SudokuTask(4)), np.random.default_rng(0)
    states = mdp.initial(np.where(rng.random((8, 16)) < 0.7, PUZZLE, 0).astype(np.int8))
    observation = {key: torch.as_tensor(value) for key, value in observe(states).items()}
    mask, drawn = torch.as_tensor(mdp.action_mask(states)), networks(12)
    tables = [probabilities(network, observation, mask) for network in drawn]
    mixture, true = SnapshotMixture(drawn[0], capacity=4), tables[0]
    farthest, bound = 0.0, 0.0
    for promotion in range(300):
        chosen, alpha = int(rng.integers(12)), alphas[promotion % len(alphas)]
        before = mixture.own.clone()
        mixture.promote(drawn[chosen], alpha)
        true = (1.0 - alpha) * true + alpha * tables[chosen]
        distance = float((mixture.probabilities(observation, mask) - true).abs().sum(1).max()) / 2.0
        expired = (1.0 - alpha) * float(before.min())
        bound = (1.0 - alpha) * bound + expired
        assert mixture.expiry_bound == pytest.approx(bound, abs=1e-12) and distance <= bound + 1e-6
        assert float(mixture.weights.sum()) == pytest.approx(1.0) and (mixture.own <= mixture.weights + 1e-12).all()
        farthest = max(farthest, distance)
    assert farthest > 1e-3
    if len(alphas) == 1:
        assert mixture.expiry_bound == pytest.approx((1.0 - alphas[0]) ** 4)


class Always(torch.nn.Module):
    """Takes one action, whatever is observed."""

    def __init__(self, action):
        super().__init__()
        self.register_buffer("logits", 1e3 * torch.eye(40)[action][None])

    def forward(self, observation):
        return self


@torch.no_grad()
def test_the_expiry_bound_is_attained_and_what_is_kept_weighs_most():
    alphas, mask = np.random.default_rng(1).uniform(0.0, 0.3, 39), torch.ones(1, 40, dtype=torch.bool)
    mixture, true = SnapshotMixture(Always(0), capacity=5), torch.eye(40, dtype=torch.float64)[0]
    for action, alpha in enumerate(alphas, 1):
        mixture.promote(Always(action), alpha)
        true = (1.0 - alpha) * true + alpha * torch.eye(40, dtype=torch.float64)[action]
        distance = float((mixture.probabilities(None, mask)[0] - true).abs().sum()) / 2.0
        assert distance == pytest.approx(mixture.expiry_bound, abs=1e-6)
        # No other five snapshots, the newest among them, would have a smaller bound.
        others = true[:action].sort(descending=True).values[:4]
        assert mixture.expiry_bound == pytest.approx(1.0 - float(true[action] + others.sum()), abs=1e-9)


@torch.no_grad()
def test_promoted_snapshots_do_not_follow_the_network():
    observation, mask = mixture_case()
    first, second = networks(2)
    mixture = SnapshotMixture(first, capacity=3)
    mixture.promote(second, 0.5)
    before = mixture.probabilities(observation, mask)
    for parameter in [*first.parameters(), *second.parameters()]:
        parameter.add_(1.0)
    assert torch.equal(mixture.probabilities(observation, mask), before)
