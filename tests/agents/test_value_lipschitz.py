"""The value's Lipschitz constant in the latent: attacks on it, and the path bound that it makes."""

import numpy as np
import pytest
import torch
from gymnasium import spaces

from trm_agents import CertifiedDense, CertifiedExactCover, MlpPolicy, TokenPolicy, TRMPolicy
from trm_envs.maze.env import maze_problem
from trm_envs.plan_edit.spaces import observation_space, observe
from trm_envs.sudoku.env import sudoku_problem

PROBLEMS = {"sudoku": lambda: sudoku_problem(4), "maze": lambda: maze_problem(5)}
ROUNDING = 1e-9
"""Of a float64 difference of values, relative to the difference of the latents: they are never closer than 1e-3."""


def setting(kind, problem, **kwargs):
    """A policy with random weights, and states of it: some edits into an episode, so that cells are filled."""
    torch.manual_seed(1)
    kwargs = {"unroll": 4, "width": 8, "mdp": None, **kwargs}
    if kind is MlpPolicy:
        space, actions = spaces.Box(-1, 1, (5,)), spaces.Discrete(3)
        policy, seen, phi = kind(space, actions, lambda _: 1e-3, **kwargs), torch.randn(6, 5), torch.zeros(6)
    else:
        mdp, source = PROBLEMS[problem]()
        rng = np.random.default_rng(0)
        states = mdp.initial(np.stack([source.sample(rng) for _ in range(6)]))
        for _ in range(4):
            actions = np.array([rng.choice(np.flatnonzero(mask)) for mask in mdp.action_mask(states)])
            states = mdp.transition(states, actions).successors
        space, actions = observation_space(mdp), spaces.Discrete(mdp.n_actions)
        policy = kind(space, actions, lambda _: 1e-3, **{**kwargs, "mdp": mdp})
        seen = {key: torch.as_tensor(value) for key, value in observe(states).items()}
        phi = torch.as_tensor(mdp.check(states).score)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))
    policy.double()
    if kind is MlpPolicy:
        # SB3 hands features over in float32.
        policy.inputs = lambda features: features.double()
    return policy, seen, phi


CASES = [(TRMPolicy, "sudoku"), (TRMPolicy, "maze"), (TokenPolicy, "sudoku"), (TokenPolicy, "maze"), (MlpPolicy, "")]
SETTINGS = [(*case, certified) for case in CASES for certified in (False, True)]


@pytest.mark.parametrize(("kind", "problem"), CASES)
def test_no_pair_of_latents_is_valued_further_apart(kind, problem):
    """Random pairs, then gradient ascent on the ratio, which must come near enough to be an attack."""
    policy, seen, phi = setting(kind, problem)
    bound = policy.value_lipschitz()
    shape = policy.evaluator.run(policy.inputs(seen), unroll=1).latents[0].shape
    best = 0.0
    for size in (0.1, 1.0, 10.0):
        z = (size * torch.randn(shape, dtype=torch.float64)).requires_grad_()
        other = (z.detach() + size * torch.randn(shape, dtype=torch.float64)).requires_grad_()
        optimizer = torch.optim.Adam([z, other], 0.05 * size)
        for _ in range(60):
            apart = (z - other).flatten(1).norm(dim=1).clamp_min(1e-3)
            value, beside = policy.values_of(torch.stack([z, other]), seen, phi)
            ratios = (value - beside).abs() / apart
            best = max(best, float(ratios.detach().max()))
            optimizer.zero_grad()
            (-ratios.sum()).backward()
            optimizer.step()
    assert 0.02 * bound < best <= bound * (1 + ROUNDING)


@pytest.mark.parametrize(("kind", "problem", "certified"), SETTINGS)
def test_values_of_two_depths_differ_by_no_more_than_the_path_between_them(kind, problem, certified):
    core = CertifiedDense(0.9) if kind is MlpPolicy else CertifiedExactCover(0.9)
    policy, seen, phi = setting(kind, problem, **({"core": core} if certified else {}))
    with torch.no_grad():
        values = policy.values_by_depth(seen, phi, 12)
        path = policy.evaluator.run(policy.inputs(seen), unroll=12).latents
        lengths = (path[1:] - path[:-1]).flatten(2).norm(dim=2)
    bound = policy.value_lipschitz()
    for n in range(12):
        for m in range(n + 1, 12):
            assert ((values[n] - values[m]).abs() <= bound * lengths[n:m].sum(0) + ROUNDING).all()
    if certified:
        # The geometric envelope of the paper: |z_{k+1} - z_k| <= L^k |z_1 - z_0|.
        ratio = policy.core.lipschitz_bound()
        assert (lengths[1:] <= ratio * lengths[:-1] + ROUNDING).all()


def test_the_bound_of_a_token_policy_by_hand():
    policy, _, _ = setting(TokenPolicy, "sudoku")
    weight = policy.averaged.readout().detach().norm()
    expected = -np.log(0.99) * np.sqrt(2) / 4 * 4 * float(weight)
    assert policy.value_lipschitz() == pytest.approx(expected)
