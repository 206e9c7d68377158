"""set_unroll("auto"): steps stop where the certified remaining error is below the tolerance."""

from math import isnan

import numpy as np
import pytest
import torch
from agent_helpers import agent, tensors
from gymnasium import spaces

from trm_agents import CertifiedDense, CertifiedExactCover, Exact, MlpPolicy, TokenPolicy, TRMPolicy
from trm_agents.theory.clamped import ClampedExactCover
from trm_envs.plan_edit.spaces import observation_space, observe
from trm_envs.sudoku.env import sudoku_problem

CERTIFIED = {"core": CertifiedExactCover(0.7)}
ROUNDING = 1e-5
"""Of values read from float32 latents."""


def states_of_puzzles(count=12):
    """Some edits into an episode: on a first state the value of a `TokenPolicy` does not depend on its latent."""
    mdp, source = sudoku_problem(4)
    rng = np.random.default_rng(0)
    states = mdp.initial(np.stack([source.sample(rng) for _ in range(count)]))
    for _ in range(4):
        actions = np.array([rng.choice(np.flatnonzero(mask)) for mask in mdp.action_mask(states)])
        states = mdp.transition(states, actions).successors
    return mdp, states


def setting(kind, **kwargs):
    torch.manual_seed(2)
    mdp, states = states_of_puzzles()
    kwargs = {"unroll": 4, "width": 8, **kwargs}
    if kind is MlpPolicy:
        kwargs["core"] = CertifiedDense(0.7)
        made = kind(spaces.Box(-1, 1, (5,)), spaces.Discrete(3), lambda _: 1e-3, **kwargs)
        seen, phi = torch.randn(12, 5), torch.zeros(12)
    else:
        made = kind(observation_space(mdp), spaces.Discrete(mdp.n_actions), lambda _: 1e-3, mdp=mdp, **kwargs)
        seen = tensors(states)
        phi = torch.as_tensor(mdp.check(states).score, dtype=torch.float32)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return made, seen, phi


@pytest.mark.parametrize("tolerance", [1.0, 0.1, 0.01])
@pytest.mark.parametrize("kind", [TRMPolicy, TokenPolicy, MlpPolicy])
def test_values_are_within_the_tolerance_of_any_greater_depth(kind, tolerance):
    policy, seen, phi = setting(kind, **CERTIFIED)
    with torch.no_grad():
        deep = policy.values_by_depth(seen, phi, 80)
        policy.set_unroll("auto", tolerance)
        auto = policy.values(seen, phi)
        assert policy.mean_depth < 60
        for n in range(int(policy.mean_depth) + 20, 80):
            assert ((auto - deep[n]).abs() <= tolerance + ROUNDING).all()


def test_a_smaller_tolerance_takes_more_steps_and_states_differ():
    policy, seen, phi = setting(TRMPolicy, **CERTIFIED)
    depths = []
    for tolerance in (3.0, 0.3, 0.03):
        policy.set_unroll("auto", tolerance)
        assert isnan(policy.mean_depth)
        with torch.no_grad():
            policy.values(seen, phi)
        depths.append(policy.mean_depth)
    assert depths == sorted(set(depths))
    # Each state takes its own number of steps.
    one_by_one = []
    for row in range(12):
        policy.set_unroll("auto", 0.3)
        with torch.no_grad():
            policy.values({key: value[row : row + 1] for key, value in seen.items()}, phi[row : row + 1])
        one_by_one.append(policy.mean_depth)
    assert np.mean(one_by_one) == pytest.approx(depths[1])


def test_a_tolerance_below_rounding_still_ends():
    policy, seen, phi = setting(TRMPolicy, **CERTIFIED)
    policy.set_unroll("auto", 1e-30)
    with torch.no_grad():
        policy.values(seen, phi)
    assert 50 < policy.mean_depth < 1000


def test_passes_with_gradient_or_a_given_depth_take_it():
    policy, seen, _ = setting(TRMPolicy, unroll=3, **CERTIFIED)
    policy.set_unroll("auto", 1e-3)
    assert len(policy.network.run(seen).latents) == 3
    with torch.no_grad():
        assert len(policy.network.run(seen, unroll=5).latents) == 5
    assert isnan(policy.mean_depth)


REFUSED = [{}, {"core": ClampedExactCover(0.9)}, {"core": CertifiedExactCover(1.0)}]


@pytest.mark.parametrize("kwargs", REFUSED, ids=["none", "clamped", "1-lipschitz"])
@pytest.mark.parametrize("kind", [TRMPolicy, TokenPolicy])
def test_what_is_no_certified_contraction_is_refused(kind, kwargs):
    policy, seen, phi = setting(kind, **kwargs)
    expected = policy.values(seen, phi)
    with pytest.raises(ValueError, match=r"'auto' needs a certified contraction below 1, as policy_kwargs=.*, not a "):
        policy.set_unroll("auto")
    assert torch.equal(policy.values(seen, phi), expected)
    for unroll, tolerance, message in (
        (0, 0.1, "unroll must be at least 1 or 'auto', got 0"),
        ("auto", 0.0, "tolerance must be positive, got 0.0"),
    ):
        with pytest.raises(ValueError, match=message):
            policy.set_unroll(unroll, tolerance)


def test_a_policy_that_carries_its_latent_has_a_depth_of_its_own():
    policy, seen, phi = setting(TokenPolicy, carry_unroll=2, **CERTIFIED)
    expected = policy.values(seen, phi)
    with pytest.raises(ValueError, match=r"starts every state from z_0 = 0: use carry_unroll=None"):
        policy.set_unroll("auto")
    assert torch.equal(policy.values(seen, phi), expected), "a refused choice changes nothing"


@pytest.mark.parametrize("kind", [TRMPolicy, TokenPolicy])
def test_a_number_is_the_depth_of_predictions(kind):
    policy, seen, phi = setting(kind, unroll=3)
    deep = policy.values_by_depth(seen, phi, 9)
    assert torch.allclose(policy.values(seen, phi), deep[2], atol=1e-5)
    policy.set_unroll(9)
    assert policy.unroll == 9 and torch.allclose(policy.values(seen, phi), deep[8], atol=1e-5)


def test_a_number_undoes_auto():
    policy, seen, phi = setting(TRMPolicy, unroll=3, **CERTIFIED)
    fixed = policy.values(seen, phi)
    policy.set_unroll("auto", 1e-3)
    assert not torch.equal(policy.values(seen, phi), fixed)
    policy.set_unroll(3)
    assert torch.equal(policy.values(seen, phi), fixed) and isnan(policy.mean_depth)


@pytest.mark.parametrize(
    ("name", "kwargs"), [("certified", {}), ("hindsight-certified", {}), ("certified", {"mixture": Exact(0.3, 2)})]
)
def test_predictions_use_it_and_learning_returns_to_the_algorithms_own(name, kwargs):
    model = agent(name, unroll=2, **kwargs).learn(32)
    _, states = states_of_puzzles()
    model.policy.set_unroll("auto", 1e-4)
    with torch.no_grad():
        model.policy.values(tensors(states), torch.zeros(12))
    assert model.policy.mean_depth > 2
    model.learn(32)
    assert isnan(model.policy.mean_depth)
    assert {network.unroll for network in (model.policy.network, model.policy.evaluator)} == {2}


def test_greedy_actions_of_auto_are_those_of_a_deep_pass():
    policy, _, _ = setting(TokenPolicy, **CERTIFIED)
    _, states = states_of_puzzles(40)
    policy.set_unroll(100)
    deep, _ = policy.predict(observe(states), deterministic=True)
    policy.set_unroll("auto", 1e-5)
    found, _ = policy.predict(observe(states), deterministic=True)
    assert np.array_equal(deep, found) and 4 < policy.mean_depth < 100
