"""`BestFirst`: the search as a solver, guided by a policy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from agent_helpers import hindsight_trm, tensors, token_policy, upi_trm
from search_helpers import sudokus

from trm_agents import BestFirst
from trm_agents.solving import decoded_guesser, decoding, policy_guesser, policy_proposer, search
from trm_agents.solving.variations import initial_latent
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.sudoku.task import SudokuTask

MDP = PlanEditMDP(SudokuTask(4))
INSTANCES = sudokus(4, 8, blanks=(10, 12))


class Calls:
    """Counts what a policy's decoder is asked: instances a pass, and inner steps."""

    def __init__(self, policy, monkeypatch) -> None:
        self.calls = np.zeros(len(INSTANCES), np.int64)
        self.inner_steps = np.zeros(len(INSTANCES), np.int64)
        last = policy.decoder.last

        def counted(observation, latent=None, unroll=None):
            for instance in observation["instance"].numpy():
                row = next(i for i, x in enumerate(INSTANCES) if np.array_equal(x, instance))
                self.calls[row] += 1
                self.inner_steps[row] += policy.unroll if unroll is None else unroll
            return last(observation, latent, unroll)

        monkeypatch.setattr(policy.decoder, "last", counted)


@torch.no_grad()
def test_a_policy_proposes_its_edit_probabilities():
    policy, states = token_policy(MDP), MDP.initial(INSTANCES)
    expected = policy.edit_probabilities(tensors(states)).numpy()
    proposal = policy_proposer(policy)(states)
    assert proposal.probabilities == pytest.approx(expected, abs=1e-6) and proposal.alive is None
    plans = MDP.transition(states, MDP.action_mask(states).argmax(1)).successors
    assert not np.allclose(policy_proposer(policy)(plans).probabilities, expected)


@torch.no_grad()
def test_a_guess_is_the_plan_that_is_decoded_from_the_initial_latent_of_its_number():
    policy, states, numbers = token_policy(MDP), MDP.initial(INSTANCES[:4]), np.array([2, 0, 5, 2])
    proposal = policy_proposer(policy)(states)
    guessed = policy_guesser(policy, MDP, 6)(states, numbers, proposal)
    for row, number in enumerate(numbers):
        alone = states.at(np.array([row]))
        start = initial_latent(int(number), policy.decoder.latent_shape, policy.decoder.radius)[None]
        latents = policy.decoder.last(tensors(alone), start, 6)
        probabilities = policy.decoder.probabilities(latents[None], tensors(alone))[0]
        assert np.array_equal(guessed[row], decoding.likeliest_plans(MDP, probabilities, alone)[0])
    assert not np.array_equal(guessed, policy_guesser(policy, MDP, 6)(states, np.zeros(4, np.int64), proposal))


@pytest.mark.parametrize("guess_unroll", [None, 7])
@pytest.mark.parametrize("calls", [0, 1, 40])
def test_a_solver_finds_what_the_search_finds_and_counts_what_it_spends(calls, guess_unroll, monkeypatch):
    policy = token_policy(MDP)
    guesser = decoded_guesser(MDP) if guess_unroll is None else policy_guesser(policy, MDP, guess_unroll)
    expected = search(MDP, INSTANCES, policy_proposer(policy), calls, guesser=guesser)
    counted = Calls(policy, monkeypatch)
    found = BestFirst(policy, calls, guess_unroll=guess_unroll).solve(INSTANCES)
    assert np.array_equal(found.plans, expected.plans) and np.array_equal(found.solved, expected.solved)
    assert np.array_equal(MDP.task.check(INSTANCES, found.plans).solved, found.solved)
    assert np.array_equal(found.calls, expected.calls) and np.array_equal(found.checks, expected.queries)
    assert np.array_equal(found.inner_steps, counted.inner_steps)
    # A guess is a second pass of the same call.
    assert np.array_equal(found.calls * (1 if guess_unroll is None else 2), counted.calls)
    assert (found.calls <= calls).all()
    changed = (found.plans != INSTANCES).sum(1)
    assert np.array_equal(found.edits, np.where(found.solved, changed, MDP.max_edits))
    assert found.solved.any() == (calls > 0) and (calls < 40 or found.solved.all())


def test_a_budget_replaces_the_solvers_own_number_of_calls():
    policy = token_policy(MDP)
    solver = BestFirst(policy, 40)
    few, many = solver.solve(INSTANCES, 2), solver.solve(INSTANCES, 60)
    assert few.calls.max() == 2 < solver.solve(INSTANCES).calls.max() <= many.calls.max() <= 60
    assert few.solved.sum() < many.solved.sum() == len(INSTANCES)


def test_an_instance_is_solved_as_if_alone():
    solver = BestFirst(token_policy(MDP), 30, guess_unroll=3)
    together = solver.solve(INSTANCES)
    for row in range(len(INSTANCES)):
        alone = solver.solve(INSTANCES[row : row + 1])
        assert all(np.array_equal(ours[row], one[0]) for ours, one in zip(together, alone, strict=True))


def test_a_model_solves_in_the_mdp_that_it_is_given():
    model = hindsight_trm()
    short = PlanEditMDP(SudokuTask(4), max_edits=9)
    assert BestFirst(model, 60).solve(INSTANCES).solved.all()
    found = BestFirst(model, 60, mdp=short).solve(INSTANCES)
    assert not found.solved.any() and (found.edits == 9).all()


def test_no_instance_is_no_work():
    found = BestFirst(token_policy(MDP), 5).solve(INSTANCES[:0])
    assert [len(field) for field in found] == [0] * 6


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [({"calls": -1}, "calls must be at least 0, got -1"), ({"guess_unroll": 0}, "guess_unroll must be at least 1")],
)
def test_bad_numbers_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        BestFirst(token_policy(MDP), **kwargs)


def test_a_policy_that_decodes_no_plans_is_refused():
    with pytest.raises(ValueError, match=r"TRMPolicy decodes no plans.* train a HindsightTRM with TokenPolicy"):
        BestFirst(upi_trm())
