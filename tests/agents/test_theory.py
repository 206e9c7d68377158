"""Exact quantities against brute force, and bounds that hold where they must and fail where their premise does."""

from __future__ import annotations

import numpy as np
import pytest
from agent_helpers import puzzle
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.studies.synthetic_check import check
from trm_agents.theory import DenseMDP, enumerate_closure, exact, value_bounds
from trm_agents.theory import improvement_bounds as improvement
from trm_agents.theory.certificate import certify
from trm_agents.theory.improvement_bounds import Step
from trm_agents.theory.improvement_checks import Improvement, candidate, check_improvement, mixed
from trm_agents.theory.ledger import ROUNDINGS, Ledger
from trm_agents.theory.synthetic import synthetic
from trm_agents.theory.value_checks import Depths, Evaluator, check_values
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.sudoku.task import SudokuTask


def sudoku(**kwargs) -> PlanEditMDP:
    return PlanEditMDP(SudokuTask(4), **{"max_edits": 3, **kwargs})


def uneven(mdp, seed=0):
    """A policy that depends on plan and clock, with probability zero on some legal actions."""

    def table(states, carried):
        rows = []
        for plan, left, mask in zip(states.plans, states.remaining_edits, mdp.action_mask(states), strict=True):
            rng = np.random.default_rng([seed, left, *plan.astype(int)])
            weights = rng.random(len(mask)) * mask * (rng.random(len(mask)) < 0.8)
            weights = weights if weights.sum() else mask.astype(float)
            rows.append(weights / weights.sum())
        return np.array(rows), None

    return table


def brute_force(mdp, table, states) -> float:
    """V^pi(s) by walking every path."""
    policy, _ = table(states, None)
    total = 0.0
    for action in np.flatnonzero(policy[0]):
        made = mdp.transition(states, np.array([action]))
        ahead = 0.0 if made.terminated[0] else brute_force(mdp, table, made.successors)
        total += policy[0, action] * (made.rewards[0] + mdp.gamma * ahead)
    return total


@pytest.mark.parametrize(
    "kwargs", [{}, {"gamma": 1.0}, {"shaping": False}, {"legal_actions": "consistent"}, {"stop_action": "terminal"}]
)
def test_backward_induction_equals_every_path_walked(kwargs):
    mdp = sudoku(**kwargs)
    table = uneven(mdp)
    closure, policy = enumerate_closure(mdp, puzzle(0, 6), table)
    value = exact.policy_value(closure, policy)
    for row in (0, len(value) // 2, len(value) - 1):
        assert value[row] == pytest.approx(brute_force(mdp, table, closure.states.at(np.array([row]))), abs=1e-12)
    assert exact.performance(closure, policy) == value[0]
    assert np.allclose(exact.bellman(closure, policy, np.zeros(len(value)), 3), value, atol=1e-12)
    assert np.allclose(closure.visits(policy) @ exact.expected(policy, closure.rewards), value[0], atol=1e-12)


def test_the_closure_is_what_positive_probability_reaches():
    mdp = sudoku(max_edits=2)
    only = puzzle(0, 5)
    uniform, _ = enumerate_closure(mdp, only, lambda s, _: (mdp.action_mask(s) / 8.0, None))
    # The start, then each of 2 cells with each of 4 digits.
    assert len(uniform.rewards) == 1 + 8 and [len(part) for part in uniform.by_layer(uniform.start)] == [1, 8]

    def stubborn(states, _):
        policy = np.zeros((len(states.plans), mdp.n_actions))
        policy[:, 0 * 4 + 0] = 1.0
        return policy, None

    closure, policy = enumerate_closure(mdp, only, stubborn)
    assert closure.actions.tolist() == [0] and policy.tolist() == [[1.0], [1.0]]
    assert closure.visits(policy).tolist() == [1.0, 0.99]
    with pytest.raises(ValueError, match="more than 8 states"):
        enumerate_closure(mdp, only, lambda s, _: (mdp.action_mask(s) / 8.0, None), max_states=8)


def test_successors_are_those_of_the_transition_function():
    mdp = sudoku(max_edits=4)
    closure, _ = enumerate_closure(mdp, puzzle(3, 9), uneven(mdp))
    rows, columns = np.nonzero(closure.legal)
    made = mdp.transition(closure.states.at(rows), closure.actions[columns])
    assert np.array_equal(made.rewards, closure.rewards[rows, columns])
    following = closure.following[rows, columns]
    assert np.array_equal(following < 0, made.terminated)
    live = following >= 0
    assert np.array_equal(closure.states.plans[following[live]], made.successors.plans[live])
    assert np.array_equal(closure.states.remaining_edits[following[live]], made.successors.remaining_edits[live])


@pytest.mark.parametrize("every", [1, 2, 3, 5, 9])
def test_skipping_accumulation_is_its_own_definition(every):
    mdp = sudoku(max_edits=5)
    closure, policy = enumerate_closure(mdp, puzzle(0, 6), uneven(mdp))
    costs = np.random.default_rng(0).random(len(closure.start))
    left = closure.accumulate(policy, costs, every)
    step = left.copy()
    for _ in range(every):
        step = closure.gamma * exact.expected(policy, closure.ahead(step))
    assert np.allclose(left, costs + step, atol=1e-12)


def test_dense_and_clocked_agree():
    mdp = sudoku(max_edits=4)
    closure, policy = enumerate_closure(mdp, puzzle(0, 6), uneven(mdp))
    count, actions = policy.shape
    transitions = np.zeros((count, actions, count))
    rows, columns = np.nonzero(closure.following >= 0)
    transitions[rows, columns, closure.following[rows, columns]] = 1.0
    dense = DenseMDP(transitions, closure.rewards, closure.gamma, closure.start)
    costs = np.random.default_rng(1).random(count)
    for every in (1, 3):
        assert np.allclose(dense.accumulate(policy, costs, every), closure.accumulate(policy, costs, every))
    assert np.allclose(dense.visits(policy), closure.visits(policy))


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.2, 0.5, 0.8, 0.95]), st.sampled_from([0.0, 0.5, 0.99]))
@settings(max_examples=20, deadline=None)
def test_no_bound_is_violated_on_random_mdps(seed, lipschitz, gamma):
    rng = np.random.default_rng(seed)
    drawn = synthetic(rng, lipschitz, 6, states=12, gamma=gamma)
    for steps in (1, 8):
        found, violations = certify(*drawn, Improvement(3.0, 0.2), steps)
        assert violations == [] and found.checks > 100


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 1.0))
@settings(max_examples=20, deadline=None)
def test_improvement_bounds_hold_for_any_critic_on_a_puzzle(seed, alpha):
    rng = np.random.default_rng(seed)
    mdp = sudoku(max_edits=4)
    closure, policy = enumerate_closure(mdp, puzzle(0, 6), uneven(mdp, seed))
    critic = rng.normal(0.0, 10.0, len(policy))
    ledger = Ledger(50.0)
    check_improvement(closure, policy, critic, exact.policy_value(closure, policy), Improvement(2.0, alpha), ledger)
    assert ledger.violations == []


BOUNDARIES = {
    "n = 0, m = 1": {"depth": 1},
    "gamma = 0": {"gamma": 0.0},
    "zero residual": {"noise": 0.0, "depth": 60, "lipschitz": 0.2},
    "one state": {"states": 1},
}


@pytest.mark.parametrize("name", BOUNDARIES)
@pytest.mark.parametrize("steps", [1, 40])
@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_boundary_cases(name, steps, alpha):
    given_ = {"lipschitz": 0.8, "depth": 5, **BOUNDARIES[name]}
    drawn = synthetic(np.random.default_rng(5), given_.pop("lipschitz"), given_.pop("depth"), **given_)
    from_zero = drawn._replace(evaluator=drawn.evaluator._replace(n=0))
    found, violations = certify(*from_zero, Improvement(1.0, alpha), steps)
    assert violations == [] and found.n == 0
    if alpha == 0.0:
        assert found.rise == 0.0 == found.rise_residual
    if name == "zero residual":
        assert found.residual < 1e-12 and found.error_bound == pytest.approx(found.value_error)
    if name == "gamma = 0":
        # Nothing after the first step counts: the surrogate is the truth.
        assert found.rise == pytest.approx(found.surrogate_rise, abs=1e-15) and found.eps_advantage == 0.0


def test_absorbing_start_and_bellman_steps_beyond_the_horizon():
    mdp = sudoku(max_edits=2)
    closure, policy = enumerate_closure(mdp, puzzle(0, 6), uneven(mdp))
    drawn = np.random.default_rng(0).normal(size=(3, len(policy)))
    evaluator = Evaluator(Depths(drawn, np.ones((2, len(policy))), 0.0), 0, np.inf, np.inf, None)
    found, violations = certify(closure, policy, evaluator, Improvement(1.0, 0.5), 16)
    # T_K U is V^pi itself, so with m = n the bound without its denominator is the error.
    assert violations == [] and found.residual == pytest.approx(
        value_bounds.sup(drawn[2] - exact.policy_value(closure, policy))
    )
    ended = DenseMDP(np.zeros((2, 2, 2)), np.array([[1.0, 2.0], [0.0, 0.0]]), 0.9, np.array([1.0, 0.0]))
    uniform = np.full((2, 2), 0.5)
    evaluator = Evaluator(Depths(np.zeros((2, 2)), np.zeros((1, 2)), 0.0), 0, 0.5, 1.0, None)
    found, violations = certify(ended, uniform, evaluator, Improvement(1.0, 1.0), 1)
    assert violations == [] and found.eta == 1.5 and found.envelope == 0.0
    assert found.rise == pytest.approx(found.surrogate_rise) and found.rise > 0.0


def test_a_false_premise_is_found_out():
    drawn = synthetic(np.random.default_rng(3), 0.8, 4, states=8)
    truth = exact.policy_value(drawn.mdp, drawn.policy)
    assert value_bounds.sup(drawn.evaluator.at(0) - drawn.evaluator.at(4)) > 0.0
    for wrong in ({"lipschitz": 0.7}, {"lipschitz_value": drawn.evaluator.lipschitz_value / 50}, {"radius": 1e-3}):
        ledger = Ledger(1.0)
        check_values(drawn.mdp, drawn.policy, drawn.evaluator._replace(**wrong), truth, 1, ledger)
        assert ledger.violations, wrong
    ledger = Ledger(1.0)
    check_values(drawn.mdp, drawn.policy, drawn.evaluator, truth + 1e-9, 1, ledger)
    assert {v.name for v in ledger.violations} >= {"V4"}


def test_the_ledger_counts_in_roundings():
    ledger = Ledger(2.0)
    unit = ROUNDINGS * 2.0**-52 * 2.0
    ledger.at_most("held", 1.0 + unit, 1.0)
    ledger.at_most("free", 1e300, np.inf)
    assert ledger.violations == []
    ledger.at_most("missed", [0.0, 1.0 + 2 * unit], 1.0)
    ledger.at_most("nan", np.nan, 1.0)
    assert [v.name for v in ledger.violations] == ["missed", "nan"] and ledger.checks == 4


def test_hand_computed_bounds():
    assert value_bounds.error_bound(1.0, 0.5, 0.5, 1) == 2.0
    assert value_bounds.error_bound_horizon(1.0, 0.5, 0.5, 2, 3.0) == 1.0 + 0.5 * (1 + 0.25)
    assert value_bounds.envelope(2.0, 3.0, 0.5, 1, 3) == 2 * 3 * (0.5 + 0.25)
    assert value_bounds.envelope(2.0, 3.0, 0.5, 1) == 6.0
    assert value_bounds.envelope(2.0, 3.0, 1.0, 1, 4) == 18.0
    assert value_bounds.envelope(2.0, 3.0, 1.0, 1) == np.inf == value_bounds.envelope(np.inf, 3.0, 0.5, 1)
    assert improvement.penalty(0.5, 0.5, 1.0, 1.0, 2.0) == (1.0 + 0.5) / 0.5 + 2 * 0.5 * 0.25 / 0.25
    # Three steps: 0.5 * (1 + .5 + .25) and 2 * 0.5 * (0 + .5 * .5 + .25 * .75).
    assert improvement.penalty_horizon(0.5, 0.5, 1.0, 1.0, 3) == pytest.approx(0.875 + 0.4375)
    assert improvement.drift(np.array([0.4, 0.2, 0.1]), 0.5).tolist() == pytest.approx([0.0, 0.2, 0.3])


def test_the_safe_step_is_the_best_on_its_grid_and_none_where_nothing_is_certain():
    mdp = sudoku(max_edits=4)
    closure, policy = enumerate_closure(mdp, puzzle(0, 6), uneven(mdp))
    truth = exact.policy_value(closure, policy)
    q = exact.action_values(closure, truth)
    better = candidate(closure, policy, exact.advantages(q, policy), 4.0)
    step = Step.of(closure, policy, better, q, truth)
    alpha, rise = improvement.safe_step([step])
    assert alpha > 0.0 and 0.0 < rise <= exact.performance(closure, mixed(policy, better, alpha)) - truth[0]
    assert rise == max(improvement.deviation_bound(step, a, 1) for a in improvement.ALPHAS)
    worse = candidate(closure, policy, -exact.advantages(q, policy), 4.0)
    assert improvement.safe_step([Step.of(closure, policy, worse, q, truth)]) == (0.0, 0.0)


def test_no_step_is_worth_nothing_however_its_bound_is_rounded():
    alphas = np.array([0.0, 0.5, 1.0])
    assert improvement.safe([1e-30, -1.0, -2.0], alphas) == (0.0, 0.0)
    assert improvement.safe([1e-30, 0.25, -2.0], alphas) == (0.5, 0.25)


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 1.0))
@settings(max_examples=10, deadline=None)
def test_deviations_add_up_to_the_truth(seed, alpha):
    """(I7) rises with J for an exact critic of a better candidate, and leaves nothing over at J = T - 1."""
    mdp = sudoku(max_edits=4)
    closure, policy = enumerate_closure(mdp, puzzle(0, 6), uneven(mdp, seed))
    truth = exact.policy_value(closure, policy)
    critic = truth + np.random.default_rng(seed).normal(0.0, 1.0, len(truth))
    q = exact.action_values(closure, critic)
    better = candidate(closure, policy, exact.advantages(q, policy), 2.0)
    step = Step.of(closure, policy, better, q, critic)
    rise = exact.performance(closure, mixed(policy, better, alpha)) - truth[0]
    found = [improvement.deviation_bound(step, alpha, order) for order in range(4)]
    assert all(bound <= rise + 1e-9 for bound in found) and found[3] == pytest.approx(rise, abs=1e-9)


def test_the_synthetic_check_has_101_rows_and_no_violation():
    rows, violations = check(0)
    assert violations == []
    values, steps = [row for row in rows if row.alpha is None], [row for row in rows if row.alpha is not None]
    assert len(values) == 80 and len(steps) == 21
    assert {row.lipschitz for row in values} == {0.2, 0.5, 0.8, 0.95} and {row.n for row in values} == set(range(20))
    assert all(row.states == 64 and row.actions == 4 and row.actual <= row.bound for row in values)
    assert all(row.bound <= row.actual for row in steps)
    envelopes = np.array([row.envelope for row in values if row.lipschitz == 0.5])
    n = np.arange(20)
    assert np.allclose(envelopes / envelopes[0], 0.5**n * (1 - 0.5 ** (20 - n)) / (1 - 0.5**20))
