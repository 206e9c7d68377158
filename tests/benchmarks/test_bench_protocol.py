"""The evaluation protocol: each puzzle once, hand-checked outcomes, no randomness but its own."""

import random

import numpy as np
import pytest
import torch
from bench_fakes import FakeSolver

import baselines
from baselines import Agent, Cost
from benchmarks.protocol import evaluation as protocol
from benchmarks.protocol.evaluation import evaluate
from benchmarks.protocol.suites import SUITES, pool, suite
from benchmarks.running.cell import spread
from benchmarks.running.runner import plan
from trm_envs.sudoku.solver import solve

HARD = suite("sudoku-4x4-hard")


@pytest.fixture(scope="module")
def hard():
    return pool(HARD.env_id, HARD.env_kwargs, "test")


class Scripted(Agent):
    """Solves puzzles whose first cell is given, cell by cell; on the others it edits a given for ever."""

    def __init__(self):
        self.seen = []

    def act(self, states, deterministic=True):
        self.seen.append(states.instances.copy())
        solutions, _ = solve(states.instances)
        blank = (states.plans == 0).argmax(axis=1)
        rows = np.arange(len(blank))
        right = blank * 4 + solutions[rows, blank] - 1
        given = (states.instances > 0).argmax(axis=1) * 4
        return np.where(states.instances[:, 0] > 0, right, given)


def test_every_instance_is_played_once_and_scored_by_hand(hard, monkeypatch):
    monkeypatch.setattr(protocol, "BATCH", 100)
    agent = Scripted()
    result = evaluate(agent, hard.mdp, hard.instances)
    expected = hard.instances[:, 0] > 0
    blanks = (hard.instances == 0).sum(axis=1)
    assert result.solved.tolist() == expected.tolist()
    assert result.edits.tolist() == np.where(expected, blanks, hard.mdp.max_edits).tolist()
    first = [batch for batch in agent.seen if len(batch) in (100, len(hard.instances) % 100)]
    assert sum(len({x.tobytes() for x in batch}) for batch in first[:1]) == 100
    assert (result.n, result.n_solved) == (len(hard.instances), expected.sum())
    assert result.success == pytest.approx(expected.mean())


def test_returns_telescope(hard):
    """Potential shaping: the discounted return is gamma^(T-1) r0 - Phi(s0)."""
    result = evaluate(Scripted(), hard.mdp, hard.instances[:50])
    filled = hard.mdp.check(hard.mdp.initial(hard.instances[:50])).score
    end = np.where(result.solved, 1.0, -hard.mdp.task.max_score)
    assert np.allclose(result.returns, hard.mdp.gamma ** (result.edits - 1) * end - filled)


def test_scores_are_of_the_best_plan_of_an_episode(hard):
    result = evaluate(Scripted(), hard.mdp, hard.instances)
    # Solved plans score one a cell; where only a given is edited, the first plan stays.
    first = hard.mdp.check(hard.mdp.initial(hard.instances)).score
    assert result.scores.tolist() == np.where(result.solved, hard.mdp.task.max_score, first).tolist()

    class Spoiler(Agent):
        """Writes the right digit into the first blank, then a wrong one, and so on."""

        def __init__(self):
            self.steps = 0

        def act(self, states, deterministic=True):
            blank = (states.instances == 0).argmax(axis=1)
            right = solve(states.instances)[0][np.arange(len(blank)), blank] - 1
            self.steps += 1
            return blank * 4 + (right + self.steps - 1) % 4

    few = hard.instances[:20]
    spoiled = evaluate(Spoiler(), hard.mdp, few)
    assert not spoiled.solved.any() and (spoiled.scores >= first[:20] + 1).all()


def test_evaluating_draws_from_no_global_generator_and_repeats_itself(hard):
    def states():
        return random.getstate(), np.random.get_state()[1].tobytes(), torch.get_rng_state().numpy().tobytes()

    before = states()
    first = [evaluate(baselines.line("random").agent(hard.mdp, np.random.default_rng(3)), *hard) for _ in range(2)]
    assert states() == before
    assert first[0].edits.tolist() == first[1].edits.tolist()


def test_no_instances_is_an_error(hard):
    with pytest.raises(ValueError, match="no instance"):
        evaluate(Scripted(), hard.mdp, hard.instances[:0])
    with pytest.raises(ValueError, match="no instance"):
        protocol.solve(FakeSolver(hard.mdp, 3), hard.mdp, hard.instances[:0])


def test_what_an_agent_spends_is_summed_for_each_puzzle(hard, monkeypatch):
    monkeypatch.setattr(protocol, "BATCH", 100)

    class Spender(Scripted):
        """Says that a state costs as many calls as it has blanks, ten inner steps a call, and a check."""

        def act(self, states, deterministic=True):
            blanks = (states.plans == 0).sum(axis=1)
            self.spent = Cost(blanks, 10 * blanks, np.ones_like(blanks))
            return super().act(states, deterministic)

    result = evaluate(Spender(), hard.mdp, hard.instances)
    blanks = (hard.instances == 0).sum(axis=1)
    expected = np.where(result.solved, blanks * (blanks + 1) // 2, blanks * hard.mdp.max_edits)
    assert result.network_calls.tolist() == expected.tolist()
    assert result.inner_steps.tolist() == (10 * expected).tolist()
    assert result.checks.tolist() == result.edits.tolist()
    assert result.mean_compute.network_calls == pytest.approx(expected.mean())
    assert not any(evaluate(Scripted(), hard.mdp, hard.instances[:9]).mean_compute)


def test_a_solver_is_scored_by_what_it_says_it_found(hard, monkeypatch):
    monkeypatch.setattr(protocol, "BATCH", 100)
    result = protocol.solve(FakeSolver(hard.mdp, 40), hard.mdp, hard.instances)
    assert result.solved.tolist() == (np.arange(hard.instances.shape[0]) % 100 < 40).tolist()
    assert (result.scores[result.solved] == hard.mdp.task.max_score).all()
    assert np.isnan(result.returns).all() and result.mean_compute == (1.0, 120.0, 2.0)


def test_an_environment_that_generates_has_no_pool():
    with pytest.raises(ValueError, match="no fixed set"):
        pool(HARD.env_id, {**HARD.env_kwargs, "generate": True})


@pytest.mark.parametrize("name", [name for name in SUITES if name.startswith("sudoku")])
def test_suites_have_disjoint_held_out_pools(name):
    row = suite(name)
    assert row.env_kwargs["legal_actions"] == "givens"
    pools = [pool(row.env_id, row.env_kwargs, split).instances for split in ("train", "validation", "test")]
    # A plan of 25x25 takes fifty times as long as one of 9x9.
    assert len(pools[2]) >= (128 if "25x25" in name else 512)
    instances = [{x.tobytes() for x in instances} for instances in pools]
    assert not instances[2] & (instances[0] | instances[1])


def test_unknown_suites_are_named():
    with pytest.raises(ValueError, match="unknown suite 'sudoku-5x5'; known suites: sudoku-4x4-easy"):
        suite("sudoku-5x5")


def test_curves_are_measured_all_over_a_pool():
    """Pools of mazes hold perfect ones first, then braided ones."""
    assert (spread(1024, 128) < 512).mean() == 0.5
    assert np.array_equal(spread(1024, 2000), np.arange(1024)) and len(np.unique(spread(300, 128))) == 128


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        ("hindsight_trm@search.calls=20", "'instances'"),
        ("hindsight_trm@env.braid=true", "unknown keyword 'braid'"),
        ("hindsight_trm@unroll=-1", "unroll must be at least 1, got -1"),
        ("ppo@n_steps=0", "n_steps=0"),
    ],
)
def test_a_plan_refuses_what_its_models_cannot_be_made_with(variant, message):
    with pytest.raises(ValueError, match=rf"{variant} on sudoku-4x4-hard: .*{message}"):
        plan(baselines, ["sudoku-4x4-hard"], [variant], [0], 1)


def test_a_variant_that_its_suite_completes_is_planned():
    # The preset of 9x9 says how many instances a search takes.
    assert plan(baselines, ["sudoku-9x9"], ["hindsight_trm@search.calls=20"], [0], 1, stage0=False)
