"""The policy that is read from edit probabilities: gains, ties, values, what collects, latents that are carried."""

from itertools import product

import numpy as np
import pytest
import torch
from agent_helpers import tensors, token_policy
from gymnasium import spaces

from trm_agents import TokenPolicy
from trm_agents.solving import decoding
from trm_agents.solving.decoding import TIE
from trm_agents.upi_trm import improvement
from trm_envs.maze.env import maze_problem
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.spaces import observe
from trm_envs.sudoku.env import sudoku_problem
from trm_envs.sudoku.solver import solve
from trm_envs.sudoku.task import SudokuTask

PUZZLE = np.array([1, 0, 0, 0, 0, 0, 3, 0, 0, 4, 0, 0, 0, 0, 0, 2], np.int8)
GOAL = solve(PUZZLE[None])[0][0]
PROBLEMS = {
    "sudoku": lambda: sudoku_problem(4),
    "erase-and-stop": lambda: sudoku_problem(4, allow_erase=True, stop_action="noop"),
    "consistent": lambda: sudoku_problem(4, legal_actions="consistent"),
    "maze": lambda: maze_problem(5),
}


def states_on(plans, remaining=9):
    count = len(plans)
    return PlanStates(np.repeat(PUZZLE[None], count, axis=0), plans, np.full(count, remaining, np.int32))


def some_plans(count, seed=2):
    """Random plans on the puzzle: blanks, right and wrong digits."""
    drawn = np.random.default_rng(seed).integers(0, 5, (count, 16)).astype(np.int8)
    return np.where(PUZZLE > 0, PUZZLE, drawn)


def some_states(name, count=6):
    mdp, source = PROBLEMS[name]()
    rng = np.random.default_rng(0)
    states = mdp.initial(np.stack([source.sample(rng) for _ in range(count)]))
    return mdp, mdp.transition(states, mdp.action_mask(states).argmax(1)).successors


@pytest.mark.parametrize("name", PROBLEMS)
@torch.no_grad()
def test_policy_is_the_candidate_of_its_exactly_centred_gains(name):
    mdp, states = some_states(name)
    policy, seen = token_policy(mdp), tensors(states)
    probabilities = policy.action_probabilities(seen)
    gains = decoding.gains(mdp, policy.edit_probabilities(seen), states)
    mask, chosen = torch.from_numpy(mdp.action_mask(states)), probabilities > 0
    assert probabilities.shape == gains.shape == mask.shape
    assert torch.allclose(probabilities.sum(1), torch.ones(6))
    assert (probabilities[~mask] == 0).all()
    advantages = improvement.centred(gains, probabilities, chosen)
    assert float(improvement.centring_defect(advantages, probabilities)) < 1e-6
    uniform = chosen.float() / chosen.sum(1, keepdim=True)
    again = improvement.candidate(uniform, advantages, chosen, policy.beta)
    assert torch.allclose(again, probabilities, atol=1e-6)


@torch.no_grad()
def test_gain_of_an_edit_is_its_probability_minus_that_of_leaving_the_cell():
    """Action by action, with erasing and stopping, from the probabilities alone."""
    task = SudokuTask(4, can_erase=True)
    mdp, plans = PlanEditMDP(task, stop_action="noop"), some_plans(5)
    policy, states = token_policy(mdp), states_on(plans)
    p = policy.edit_probabilities(tensors(states))
    gains, likely = decoding.gains(mdp, p, states).numpy(), p.numpy()
    for row, plan in enumerate(plans):
        for cell in range(16):
            stay = likely[row, cell, plan[cell] - 1] if plan[cell] else 0.0
            for symbol in range(4):
                assert gains[row, cell * 4 + symbol] == pytest.approx(likely[row, cell, symbol] - stay, abs=1e-6)
            assert gains[row, 64 + cell] == pytest.approx(-stay, abs=1e-6)
        assert gains[row, 80] == 0.0 and mdp.n_actions == 81


@torch.no_grad()
def test_edits_that_change_nothing_have_no_probability():
    mdp = PlanEditMDP(SudokuTask(4))
    policy, plans = token_policy(mdp), some_plans(20)
    probabilities = policy.action_probabilities(tensors(states_on(plans))).view(20, 16, 4)
    rows, cells = np.nonzero((plans > 0) & (PUZZLE == 0))
    assert len(rows) and (probabilities[rows, cells, plans[rows, cells] - 1] == 0).all()


def test_the_first_of_equally_good_edits_is_taken():
    mdp = PlanEditMDP(SudokuTask(4))
    policy = token_policy(mdp)
    near, far = np.exp(policy.beta * TIE * np.array([0.9, 1.1]))
    rows = [[0.2, 0.2 * near, 0.1], [0.2, 0.2 * far, 0.1], [0.0, 0.3, 0.3 * near]]
    assert policy.greedy(torch.tensor(rows, dtype=torch.float64)).tolist() == [0, 1, 1]
    # All edits of an empty grid are the same up to symmetries, whatever rounding makes of them at a depth.
    empty = observe(mdp.initial(np.zeros((1, 16), np.int8)))
    for seed, unroll in product(range(4), (1, 2, 5, 16)):
        other = token_policy(mdp, seed, unroll=unroll)
        assert other.predict(dict(empty), deterministic=True)[0].tolist() == [0]


@torch.no_grad()
def test_value_counts_the_cells_that_are_not_right():
    mdp = PlanEditMDP(SudokuTask(4))
    policy = token_policy(mdp)
    policy.averaged.weight.zero_()
    # Twelve blanks, none of them right.
    assert float(policy.values(tensors(mdp.initial(PUZZLE[None])), torch.tensor([3.5]))) == pytest.approx(
        mdp.gamma**11 - 3.5
    )


@torch.no_grad()
def test_value_is_that_of_the_expected_edits_by_hand():
    mdp, states = PlanEditMDP(SudokuTask(4)), states_on(some_plans(6))
    policy, seen = token_policy(mdp), tensors(states)
    likely, values = policy.edit_probabilities(seen).numpy(), policy.values(seen, torch.zeros(6)).numpy()
    for row, plan in enumerate(states.plans):
        wrong = sum(1.0 - (likely[row, c, plan[c] - 1] if plan[c] else 0.0) for c in np.flatnonzero(PUZZLE == 0))
        assert values[row] == pytest.approx(mdp.gamma ** (max(wrong, 1.0) - 1.0), rel=1e-5)


@torch.no_grad()
def test_behaviour_leans_on_the_checker_and_counts_its_queries():
    mdp = PlanEditMDP(SudokuTask(4))
    policy, states = token_policy(mdp), mdp.initial(PUZZLE[None])
    seen = tensors(states)
    # The averaged weights are deployed and collect, not the latest.
    policy.network.weight.fill_(3.0)
    deployed = policy.action_probabilities(seen)
    alone = policy.behaviour(seen, 0.0)
    assert torch.allclose(alone.probabilities, deployed) and alone.queries == 0
    leaning = policy.behaviour(seen, 1.0)
    assert leaning.queries == 12 * 4
    scores = mdp.successors(states).transition.checks.score
    legal = mdp.action_mask(states)[0]
    best = np.flatnonzero(legal)[scores == scores.max()]
    assert float(leaning.probabilities[0, best].sum()) > 0.99
    assert torch.equal(policy.action_probabilities(seen), deployed)


@torch.no_grad()
def test_behaviour_in_between_mixes_gains_with_the_checkers_values():
    """By the MDP itself: pi ~ exp(beta ((1 - rho)(p - q) + rho Q)), Q = r - gamma C_max where the episode continues."""
    mdp, states = PlanEditMDP(SudokuTask(4)), states_on(some_plans(3), remaining=5)
    policy, seen = token_policy(mdp), tensors(states)
    gains = decoding.gains(mdp, policy.edit_probabilities(seen), states).numpy()
    found, rho = policy.behaviour(seen, 0.3).probabilities.numpy(), 0.3
    for row in range(3):
        state, logits = states.at(np.array([row])), {}
        for action in np.flatnonzero(decoding.choices(mdp, state)[0]):
            move = mdp.transition(state, np.array([action]))
            q = float(move.rewards[0]) - (0.0 if move.terminated[0] else mdp.gamma * mdp.task.max_score)
            logits[action] = policy.beta * ((1 - rho) * gains[row, action] + rho * q)
        weights = np.exp(np.array(list(logits.values())) - max(logits.values()))
        assert found[row, list(logits)] == pytest.approx(weights / weights.sum(), abs=1e-5)
        assert found[row].sum() == pytest.approx(1.0, abs=1e-5)


@torch.no_grad()
def test_deployed_weights_are_an_average():
    policy = token_policy(PlanEditMDP(SudokuTask(4)))
    policy.averaged.weight.fill_(1.0)
    policy.network.weight.fill_(3.0)
    policy.average(0.75)
    assert torch.allclose(policy.averaged.weight, torch.full((8,), 1.5))
    assert torch.equal(policy.network.weight, torch.full((8,), 3.0))


@torch.no_grad()
def test_a_carried_latent_takes_its_own_number_of_inner_steps():
    """First states take n from zero, others `carry_unroll` from the latent that is handed in; both by the network."""
    mdp, states = PlanEditMDP(SudokuTask(4)), states_on(some_plans(4))
    policy, seen = token_policy(mdp, unroll=5, carry_unroll=3), tensors(states)
    first = np.array([True, False, False, True])
    _, before = policy.predict(observe(states_on(some_plans(4, seed=8))))
    actions, after = policy.predict(observe(states), before, first, deterministic=True)
    fresh = policy.averaged.last(seen, None, 5)
    carried = policy.averaged.last(seen, torch.as_tensor(before[0]), 3)
    expected = torch.where(torch.as_tensor(first)[:, None, None], fresh, carried)
    assert torch.allclose(torch.as_tensor(after[0]), expected, atol=1e-6)
    assert not torch.allclose(fresh[1:3], carried[1:3], atol=1e-3)
    chosen = decoding.edit_policy(mdp, policy.averaged.probabilities(expected[None], seen)[0], states, policy.beta)
    assert np.array_equal(actions, decoding.greedy(chosen, policy.beta).numpy())
    # Without a state all are first ones, without episode starts none is.
    assert torch.allclose(torch.as_tensor(policy.predict(observe(states))[1][0]), fresh, atol=1e-6)
    assert torch.allclose(torch.as_tensor(policy.predict(observe(states), before)[1][0]), carried, atol=1e-6)
    starting = policy.predict(observe(states), before, np.ones(4, bool))[1][0]
    assert torch.allclose(torch.as_tensor(starting), fresh, atol=1e-6)


def test_one_observation_at_a_time_carries_too():
    mdp, states = PlanEditMDP(SudokuTask(4)), states_on(some_plans(1))
    policy = token_policy(mdp, carry_unroll=2)
    batch, single = observe(states), {key: value[0] for key, value in observe(states).items()}
    actions, state = policy.predict(batch, deterministic=True)
    action, alone = policy.predict(single, deterministic=True)
    assert action.shape == () and action == actions[0] and np.array_equal(alone[0], state[0])
    then, _ = policy.predict(single, alone, np.zeros(1, bool), deterministic=True)
    assert then == policy.predict(batch, state, deterministic=True)[0][0]


@torch.no_grad()
def test_collecting_and_values_start_from_zero_even_where_latents_are_carried():
    mdp, states = PlanEditMDP(SudokuTask(4)), states_on(some_plans(4))
    carries, plain = token_policy(mdp, carry_unroll=2), token_policy(mdp)
    seen = tensors(states)
    carries.predict(observe(states))
    assert torch.equal(carries.behaviour(seen, 0.0).probabilities, plain.behaviour(seen, 0.0).probabilities)
    assert torch.equal(carries.values(seen, torch.zeros(4)), plain.values(seen, torch.zeros(4)))
    assert plain.predict(observe(states))[1] is None


def test_a_policy_needs_a_plan_edit_environment():
    with pytest.raises(ValueError, match=r"TokenPolicy needs a plan-edit environment.* pass env=.* use UPITRM"):
        TokenPolicy(spaces.Box(-1, 1, (3,)), spaces.Discrete(2), lambda _: 1e-3, mdp=None, unroll=1)
