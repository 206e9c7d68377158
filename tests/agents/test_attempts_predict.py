"""`Attempts.predict`: an agent in an environment, whose episodes end as `solve` says."""

import numpy as np
import pytest
import torch
from agent_helpers import sudoku, tensors
from search_helpers import sudokus
from stable_baselines3.common.evaluation import evaluate_policy
from torch.nn.functional import one_hot

from trm_agents import Attempts, Guesses, Refinements, Restarts
from trm_agents.solving import decoding
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.spaces import observe
from trm_envs.sudoku.solver import solve
from trm_envs.sudoku.task import SudokuTask

VARIATIONS = {"restarts": Restarts(), "refinements": Refinements(2), "guesses": Guesses(3)}
BY = pytest.mark.parametrize("by", VARIATIONS.values(), ids=VARIATIONS)
INSTANCES = np.concatenate([sudokus(4, 12, "minimal"), sudokus(4, 12, (8, 12))])
MDP = PlanEditMDP(SudokuTask(4))
SHALLOW = {"unroll": 3, "carry_unroll": 4}


def played(solver, mdp, instances):
    """Solved instances and the plans that greedy episodes end with."""
    states, alive, state = mdp.initial(instances), np.arange(len(instances)), None
    solved, plans, steps = np.zeros(len(instances), bool), states.plans.copy(), np.zeros(len(instances), np.int64)
    while len(alive):
        actions, state = solver.predict(observe(states), state, deterministic=True)
        move = mdp.transition(states, actions)
        plans[alive], solved[alive] = move.successors.plans, move.checks.solved
        steps[alive] += 1
        on = np.flatnonzero(~move.terminated)
        alive, states, state = alive[on], move.successors.at(on), tuple(part[on] for part in state)
    return solved, plans, steps


def accepted_by(found, attempts_unroll):
    """Which instances were solved by an attempt, with no edit made before."""
    return found.solved & (found.inner_steps == attempts_unroll * found.calls)


@BY
@pytest.mark.parametrize("level", ["givens", "consistent"])
def test_solving_ends_as_playing_predict_does(model, by, level):
    mdp = PlanEditMDP(SudokuTask(4), legal_actions=level)
    solver = Attempts(model, 8, by=by, mdp=mdp, **SHALLOW)
    found = solver.solve(INSTANCES)
    solved, plans, steps = played(solver, mdp, INSTANCES)
    assert np.array_equal(found.solved, solved) and 0 < solved.sum() < len(solved)
    assert np.array_equal(found.plans, plans)
    accepted = accepted_by(found, 3)
    assert np.array_equal(found.edits[accepted], steps[accepted]) and (found.edits <= steps).all()


@pytest.mark.parametrize("deterministic", [True, False])
def test_an_accepted_plan_is_written_even_where_the_policy_is_of_two_minds(model, deterministic, monkeypatch):
    """In each blank two digits are equally likely to rounding; the greedy policy alone takes the first of both."""
    torch.manual_seed(0)
    instances = INSTANCES[12:16]
    goals = torch.as_tensor(solve(instances)[0].astype(np.int64)) - 1
    said = 0.01 + 0.48 * (one_hot(goals, 4) + one_hot((goals + 1) % 4, 4)) + 1e-6 * one_hot(goals, 4)
    solver = Attempts(model, 0, **SHALLOW)
    monkeypatch.setattr(solver.policy.decoder, "probabilities", lambda latents, seen: said[None])
    states, state = MDP.initial(instances), None
    blanks = (instances == 0).sum(1)
    for _ in range(int(blanks.min())):
        actions, state = solver.predict(observe(states), state, deterministic=deterministic)
        states = MDP.transition(states, actions).successors
        assert np.array_equal(np.where(states.plans > 0, goals.numpy() + 1, 0), states.plans)
    alone = decoding.greedy(decoding.edit_policy(MDP, said, MDP.initial(instances), 10.0), 10.0).numpy()
    assert any(goals[row, action // 4] != action % 4 for row, action in enumerate(alone))


def test_too_few_edits_are_too_few_in_an_episode_too(model):
    mdp = PlanEditMDP(SudokuTask(4), max_edits=9)
    solver = Attempts(model, 2, mdp=mdp, **SHALLOW)
    solved = played(solver, mdp, INSTANCES)[0]
    assert np.array_equal(solver.solve(INSTANCES).solved, solved) and 0 < solved.sum() < len(solved)


@BY
def test_an_action_depends_on_nothing_else_in_the_batch(model, by):
    solver = Attempts(model, 6, by=by, **SHALLOW)
    actions, state = solver.predict(observe(MDP.initial(INSTANCES)), deterministic=True)
    for row in range(0, len(INSTANCES), 5):
        alone, own = solver.predict(observe(MDP.initial(INSTANCES[row : row + 1])), deterministic=True)
        assert alone[0] == actions[row] and np.allclose(own[0][0], state[0][row], atol=1e-5)


def test_attempts_are_made_where_episodes_start_and_nowhere_else(model):
    """Rows that have just started get the latents of a first call, the others keep theirs."""
    solver = Attempts(model, 3, **SHALLOW)
    first, second = MDP.initial(INSTANCES[:6]), MDP.initial(INSTANCES[6:12])
    _, state = solver.predict(observe(first), deterministic=True)
    kept = state[0].copy()
    starts = np.array([True, False, True, False, False, True])
    chosen = np.where(starts[:, None], second.plans, first.plans)
    mixed = first._replace(plans=chosen, instances=chosen.copy())
    actions, after = solver.predict(observe(mixed), state, starts, deterministic=True)
    assert np.array_equal(state[0], kept), "what is handed in stays as it is"
    fresh = solver.predict(observe(second), deterministic=True)
    carried = solver.predict(observe(first), state, np.zeros(6, bool), deterministic=True)
    default = solver.predict(observe(first), state, deterministic=True)
    for row, starting in enumerate(starts):
        expected = fresh if starting else carried
        assert actions[row] == expected[0][row] and np.allclose(after[0][row], expected[1][0][row], atol=1e-6)
    assert np.array_equal(default[0], carried[0])
    whole = solver.predict(observe(second), state, np.ones(6, bool), deterministic=True)
    assert np.array_equal(whole[0], fresh[0]) and np.allclose(whole[1][0], fresh[1][0], atol=1e-6)


def test_a_single_observation_is_a_batch_of_one(model):
    solver, states = Attempts(model, 3, **SHALLOW), MDP.initial(INSTANCES[:1])
    single = {key: value[0] for key, value in observe(states).items()}
    action, state = solver.predict(single, deterministic=True)
    batch = solver.predict(observe(states), deterministic=True)
    assert action.shape == () and action == batch[0][0] and np.array_equal(state[0], batch[1][0])


def test_sampled_actions_follow_the_policy(model):
    solver, states = Attempts(model, 0, **SHALLOW), MDP.initial(np.repeat(INSTANCES[:1], 3000, axis=0))
    torch.manual_seed(0)
    actions, state = solver.predict(observe(states))
    latent = torch.as_tensor(state[0][:1])
    one = states.at(np.array([0]))
    likely = solver.policy.decoder.probabilities(latent[None], tensors(one))[0].detach()
    expected = decoding.edit_policy(MDP, likely, one, solver.policy.beta)[0].numpy()
    assert np.abs(np.bincount(actions, minlength=64) / 3000 - expected).max() < 0.03 < np.sort(expected)[-2]


def test_sb3_evaluates_a_solver(model):
    """`evaluate_policy` hands states and episode starts on: its episodes end as `solve` says."""
    solver, ends = Attempts(model, 8, by=Guesses(3), **SHALLOW), []

    def look(local, _):
        if local["done"]:
            ends.append((local["observations"]["instance"][local["i"]].copy(), local["info"]["is_success"]))

    evaluate_policy(solver, sudoku(n_envs=2, blanks="minimal"), n_eval_episodes=16, warn=False, callback=look)
    instances, solved = (np.array(part) for part in zip(*ends, strict=True))
    assert np.array_equal(solver.solve(instances.reshape(-1, 16)).solved, solved) and 0 < solved.sum() < len(solved)
