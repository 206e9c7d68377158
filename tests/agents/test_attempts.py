"""`Attempts.solve` against a scalar oracle, and its counts by what decoder and checker are asked."""

from math import inf

import numpy as np
import pytest
import torch
from agent_helpers import hindsight_trm, tensors, token_policy, upi_trm
from search_helpers import mazes, sudokus

from trm_agents import Attempts, Guesses, Refinements, Restarts
from trm_agents.solving import decoding, policy_of
from trm_agents.solving.attempts import MAX_UNCERTAINTY
from trm_agents.solving.variations import Before, initial_latent
from trm_envs.maze.task import MazeTask
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.sudoku.task import SudokuTask

VARIATIONS = {"restarts": Restarts(), "refinements": Refinements(2), "guesses": Guesses(3)}
BY = pytest.mark.parametrize("by", VARIATIONS.values(), ids=VARIATIONS)
INSTANCES = np.concatenate([sudokus(4, 12, "minimal"), sudokus(4, 12, (8, 12))])
MDP = PlanEditMDP(SudokuTask(4))
SHALLOW = {"unroll": 3, "carry_unroll": 4}
"""An agent that is good at passes of its own depth fails at some attempts and, with a carried latent, at editing."""


class Oracle:
    """One instance at a time, one attempt after the other, with every pass of the decoder written down."""

    def __init__(self, model, mdp, attempts, unroll, by, budget=inf, carry_unroll=None):
        self.policy, self.mdp, self.budget, self.carry_unroll = policy_of(model), mdp, budget, carry_unroll
        self.attempts, self.unroll, self.by = attempts, unroll, by

    def last(self, states, latent, unroll):
        self.calls, self.inner_steps = self.calls + 1, self.inner_steps + unroll
        return self.policy.decoder.last(tensors(states), latent, unroll)

    def likely(self, states, latent):
        return self.policy.decoder.probabilities(latent[None], tensors(states))[0]

    def judged(self, states, plans):
        self.checks += 1
        return bool(self.mdp.check(states._replace(plans=plans)).solved[0])

    def nearer(self, states, action, plans):
        """Whether an action leads nearer to a plan."""
        after = self.mdp.transition(states, np.array([action])).successors.plans
        return (after != plans).sum() < (states.plans != plans).sum()

    @torch.no_grad()
    def solve(self, instance):
        self.calls = self.inner_steps = self.checks = 0
        start = self.mdp.initial(instance[None])
        latent, plans, accepted = self.attempted(start)
        edits = int((plans != start.plans).sum())
        if accepted and edits <= self.mdp.max_edits:
            return plans[0], True, edits
        states, over, solved = start, False, False
        while not over and self.calls < self.budget:
            likely = self.likely(states, latent)
            plans = decoding.likeliest_plans(self.mdp, likely, states)
            accepted = self.judged(states, plans)
            if not accepted:
                carried = self.carry_unroll or self.policy.carry_unroll
                latent = self.last(states, latent if carried else None, carried or self.policy.unroll)
                likely = self.likely(states, latent)
            policy = decoding.edit_policy(self.mdp, likely, states, self.policy.beta)
            if accepted:
                away = [a for a in range(self.mdp.n_actions) if not self.nearer(states, a, plans)]
                policy[0, away] = 0.0
            move = self.mdp.transition(states, decoding.greedy(policy, self.policy.beta).numpy())
            states, over, solved = move.successors, bool(move.terminated[0]), bool(move.checks.solved[0])
        edits = int((states.plans != start.plans).sum()) if solved else self.mdp.max_edits
        return states.plans[0], solved, edits

    def attempted(self, start):
        """Latent and plan of the best attempt, and whether the checker has accepted it."""
        shape, radius = self.policy.decoder.latent_shape, self.policy.decoder.radius
        best, plans, early = (inf, torch.zeros(1, *shape), start.plans), start.plans, None
        for number in range(self.attempts + 1):
            if self.calls >= self.budget or (number and best[0] >= MAX_UNCERTAINTY):
                break
            if number == 1 and self.by.early_unroll is not None:
                early = self.likely(start, self.last(start, None, self.by.early_unroll))
                if self.calls >= self.budget:
                    break
            shown = start
            if number:
                shown = start._replace(plans=self.by.plans(self.mdp, number, Before(start, plans, early)))
            first = initial_latent(self.by.latent_number(number) if number else 0, shape, radius)[None]
            latent = self.last(shown, first, self.unroll)
            likely = self.likely(shown, latent)
            plans = decoding.likeliest_plans(self.mdp, likely, shown)
            if self.judged(shown, plans):
                return latent, plans, True
            uncertain = float(decoding.uncertainty(self.mdp, likely, shown)[0])
            if uncertain < best[0]:
                best = uncertain, latent, plans
        return best[1], best[2], False


def assert_equals_oracle(found, oracle, instances):
    for row, instance in enumerate(instances):
        plan, solved, edits = oracle.solve(instance)
        assert np.array_equal(found.plans[row], plan), row
        assert (found.solved[row], found.edits[row]) == (solved, edits), row
        spent = found.calls[row], found.inner_steps[row], found.checks[row]
        assert spent == (oracle.calls, oracle.inner_steps, oracle.checks), row


@BY
def test_solving_a_batch_is_solving_one_instance_after_the_other_by_hand(model, by):
    found = Attempts(model, 8, by=by, **SHALLOW).solve(INSTANCES)
    assert_equals_oracle(found, Oracle(model, MDP, 8, 3, by, carry_unroll=4), INSTANCES)
    # What is compared are first attempts, edits after refused attempts, failures and, of guesses, later attempts.
    edited = found.inner_steps != 3 * found.calls
    assert (found.calls == 1).any() and (edited & found.solved).any() and (edited & ~found.solved).any()
    assert by != Guesses(3) or (~edited & (found.calls > 1)).any()
    assert np.array_equal(MDP.task.check(INSTANCES, found.plans).solved, found.solved)
    assert found.plans.dtype == np.int8 and {field.dtype for field in found[2:]} == {np.dtype(np.int64)}


@BY
def test_without_a_carried_latent_every_pass_starts_from_zero(model, by):
    found = Attempts(model, 4, by=by, unroll=3).solve(INSTANCES)
    assert_equals_oracle(found, Oracle(model, MDP, 4, 3, by), INSTANCES)
    other = Attempts(model, 4, by=by, **SHALLOW).solve(INSTANCES)
    assert not np.array_equal(found.plans, other.plans)


@BY
@pytest.mark.parametrize("task", ["maze", "toggles-short"])
def test_mazes_too_even_where_edits_run_out(task, by, monkeypatch):
    """A fresh network knows nothing: all attempts are made only where that is no reason to stop."""
    mdp = PlanEditMDP(MazeTask(5), max_edits=3 if task == "toggles-short" else None)
    policy, instances = token_policy(mdp), mazes(5, 5)
    monkeypatch.setattr("trm_agents.solving.attempts.MAX_UNCERTAINTY", 1.0)
    monkeypatch.setitem(globals(), "MAX_UNCERTAINTY", 1.0)
    found = Attempts(policy, 4, unroll=5, by=by).solve(instances)
    assert_equals_oracle(found, Oracle(policy, mdp, 4, 5, by), instances)
    assert (found.calls >= 5).any()


@BY
@pytest.mark.parametrize("budget", [0, 1, 2, 3, 7, 12])
def test_a_budget_bounds_the_calls_of_each_instance(model, by, budget):
    found = Attempts(model, 8, by=by, **SHALLOW).solve(INSTANCES, budget)
    assert_equals_oracle(found, Oracle(model, MDP, 8, 3, by, budget, carry_unroll=4), INSTANCES)
    assert found.calls.max() == budget
    assert np.array_equal(MDP.task.check(INSTANCES, found.plans).solved, found.solved)
    assert (found.edits[~found.solved] == MDP.max_edits).all()


@BY
def test_counts_are_those_of_what_the_decoder_is_asked(model, by, monkeypatch):
    mdp = PlanEditMDP(SudokuTask(4))
    solver = Attempts(model, 5, by=by, mdp=mdp, **SHALLOW)
    asked, judged, last, check = [], [], solver.policy.decoder.last, mdp.check

    def counted(observation, latent=None, unroll=None):
        asked.append((len(observation["plan"]), unroll))
        return last(observation, latent, unroll)

    monkeypatch.setattr(solver.policy.decoder, "last", counted)
    # A transition says whether the episode has ended, to any policy: the solver has not submitted that plan.
    plain = PlanEditMDP(SudokuTask(4))
    monkeypatch.setattr(mdp, "check", lambda states: judged.append(len(states.plans)) or check(states))
    monkeypatch.setattr(mdp, "transition", plain.transition)
    found = solver.solve(INSTANCES)
    assert found.calls.sum() == sum(count for count, _ in asked)
    assert found.inner_steps.sum() == sum(count * unroll for count, unroll in asked)
    assert found.checks.sum() == sum(judged)


def test_too_few_edits_for_what_is_decoded(model):
    """A plan that the checker accepts counts only where the episode's edits reach it."""
    free, blanks = Attempts(model, 2, **SHALLOW).solve(INSTANCES), (INSTANCES == 0).sum(1)
    once = free.solved & (free.calls == 1)
    limit = int(blanks[once].min())
    mdp = PlanEditMDP(SudokuTask(4), max_edits=limit)
    solver = Attempts(model, 2, mdp=mdp, **SHALLOW)
    found = solver.solve(INSTANCES)
    assert found.solved[once & (blanks <= limit)].all() and not found.solved[blanks > limit].any()
    assert (once & (blanks > limit)).any() and (found.edits[~found.solved] == limit).all()
    assert_equals_oracle(found, Oracle(model, mdp, 2, 3, Restarts(), carry_unroll=4), INSTANCES)


@BY
def test_an_instance_is_solved_as_if_alone(model, by):
    solver = Attempts(model, 6, by=by, **SHALLOW)
    together, order = solver.solve(INSTANCES), np.random.default_rng(0).permutation(len(INSTANCES))
    again = solver.solve(INSTANCES[order])
    for ours, other in zip(together, again, strict=True):
        assert np.array_equal(ours[order], other)


def test_depths_are_those_of_the_policy_unless_others_are_given():
    carries, plain = hindsight_trm(unroll=5, carry_unroll=2), hindsight_trm(unroll=5)
    for solver, first, then in (
        (Attempts(carries, 0), 5, 2),
        (Attempts(carries, 0, unroll=4, carry_unroll=3), 4, 3),
        (Attempts(plain, 0), 5, 5),
        (Attempts(plain, 0, unroll=4, carry_unroll=3), 4, 3),
    ):
        found = solver.solve(INSTANCES)
        assert (found.calls > 1).any() and np.array_equal(found.inner_steps, first + then * (found.calls - 1))


def test_a_network_that_knows_nothing_makes_one_attempt():
    policy = token_policy(MDP, steep=False)
    found = Attempts(policy, 50, unroll=4).solve(INSTANCES[:4])
    assert (found.calls == 1 + MDP.max_edits).all()


def test_solving_neither_learns_nor_draws(model):
    before = {name: value.clone() for name, value in model.policy.state_dict().items()}
    state = torch.get_rng_state()
    Attempts(model, 3, by=Guesses(3), **SHALLOW).solve(INSTANCES[:4])
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.policy.state_dict().items())
    assert not model.policy.training


def test_no_instance_is_no_work(model):
    assert [len(field) for field in Attempts(model, 3).solve(INSTANCES[:0])] == [0] * 6


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda policy: Attempts(policy, -1), "attempts must be at least 0, got -1"),
        (lambda policy: Attempts(policy, 1, unroll=0), "unroll must be at least 1 or None, got 0"),
        (lambda policy: Attempts(policy, 1, carry_unroll=0), "carry_unroll must be at least 1 or None, got 0"),
        (lambda policy: Refinements(0), r"in_a_row must be at least 1, got 0: use Restarts\(\) for none"),
        (lambda policy: Guesses(0), "early_unroll must be at least 1, got 0"),
    ],
)
def test_bad_numbers_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make(token_policy(MDP))


def test_policies_that_decode_no_plans_are_refused():
    for model in (upi_trm(), upi_trm().policy):
        with pytest.raises(ValueError, match=r"TRMPolicy decodes no plans.*train a HindsightTRM with TokenPolicy"):
            Attempts(model)
