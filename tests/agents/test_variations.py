"""What further attempts see and where they start: initial latents, refinements, guesses; and how plans are decoded."""

import numpy as np
import pytest
import torch
from agent_helpers import tensors, token_policy
from torch.nn.functional import one_hot

from trm_agents import Guesses, Refinements, Restarts
from trm_agents.solving import decoding
from trm_agents.solving.variations import GUESSED_CELLS, Before, guessed, half_written, initial_latent
from trm_envs.maze.env import maze_problem
from trm_envs.sudoku.env import sudoku_problem
from trm_envs.sudoku.solver import solve

MDP, SOURCE = sudoku_problem(4)


def first_states(count=6):
    rng = np.random.default_rng(0)
    return MDP.initial(np.stack([SOURCE.sample(rng) for _ in range(count)]))


def test_initial_latents_are_zero_and_fixed_points_of_the_sphere():
    shape = (64, 8)
    assert not initial_latent(0, shape, 10.0).any()
    points = [initial_latent(number, shape, 10.0) for number in range(1, 6)]
    assert all(float(point.norm()) == pytest.approx(10.0, rel=1e-5) for point in points)
    assert torch.equal(points[2], initial_latent(3, shape, 10.0))
    assert all(not torch.allclose(points[0], other) for other in points[1:])
    free = initial_latent(3, shape, None)
    assert torch.allclose(points[2] / 10.0, free / free.norm(), atol=1e-6)


def before_of(states, early=None):
    rng = np.random.default_rng(1)
    decoded = np.where(states.instances > 0, states.instances, rng.integers(1, 5, states.plans.shape)).astype(np.int8)
    return Before(states, decoded, early)


def test_restarts_see_the_state_from_another_latent_each_time():
    before, by = before_of(first_states()), Restarts()
    assert [by.latent_number(attempt) for attempt in range(1, 5)] == [1, 2, 3, 4] and by.early_unroll is None
    assert all(np.array_equal(by.plans(MDP, attempt, before), before.states.plans) for attempt in range(1, 5))


@pytest.mark.parametrize("in_a_row", [1, 2, 3])
def test_refinements_see_what_was_decoded_and_half_of_it_in_turn(in_a_row):
    before, by = before_of(first_states()), Refinements(in_a_row)
    for attempt in range(1, 12):
        plans, turn = by.plans(MDP, attempt, before), attempt % (in_a_row + 1)
        assert by.latent_number(attempt) == attempt
        written = (plans != before.states.plans).any(0)
        if turn == 0:
            assert not written.any()
        elif turn % 2:
            assert np.array_equal(plans, before.decoded)
        else:
            assert np.array_equal(plans, np.where(written, before.decoded, before.states.plans))
            assert not np.array_equal(plans, before.decoded) and written.any()


def test_half_of_the_cells_are_written():
    plans, decoded = np.zeros((3, 400), np.int8), np.ones((3, 400), np.int8)
    half, other = (half_written(plans, decoded, attempt) for attempt in (2, 4))
    assert half.dtype == np.int8 and (half == half[:1]).all() and 150 < half[0].sum() < 250
    assert not np.array_equal(half, other) and np.array_equal(half, half_written(plans, decoded, 2))
    assert not plans.any()


def test_uncertain_cells_are_guessed_by_their_probabilities():
    states = first_states(1).at(np.zeros(2, np.int64))
    blanks = np.flatnonzero(states.instances[0] == 0)
    likely = torch.zeros(2, 16, 4)
    likely[:, :, 0] = 1.0
    # Uncertainties of 0.2 and 0.6, and nothing else to guess at except for one part in a million.
    likely[:, blanks[0]] = torch.tensor([0.8, 0.2, 0.0, 0.0])
    likely[:, blanks[1]] = torch.tensor([0.1, 0.4, 0.3, 0.2])
    counts = np.zeros((16, 5))
    for attempt in range(2000):
        plans = guessed(MDP, likely, states, 1, attempt)
        assert plans.dtype == np.int8 and np.array_equal(plans[0], plans[1])
        (cell,) = np.flatnonzero(plans[0] != states.plans[0])
        counts[cell, plans[0, cell]] += 1
    assert counts.sum() == counts[blanks[:2]].sum() == 2000
    shares = counts[blanks[:2], 1:] / 2000
    expected = np.array([[0.8, 0.2, 0.0, 0.0], [0.1, 0.4, 0.3, 0.2]]) * [[0.25], [0.75]]
    assert np.abs(shares - expected).max() < 0.04
    assert np.array_equal(guessed(MDP, likely, states, 1, 7), guessed(MDP, likely, states, 1, 7))
    assert not states.plans[:, blanks].any()


@pytest.mark.parametrize("cells", [*GUESSED_CELLS, 16])
def test_as_many_cells_are_guessed_as_can_be_edited(cells):
    states = first_states(3)
    solution = solve(states.instances)[0]
    likely = one_hot(torch.as_tensor(solution.astype(np.int64)) - 1, 4).float()
    plans, blanks = guessed(MDP, likely, states, cells, 3), states.instances == 0
    written = plans != states.plans
    assert np.array_equal(written.sum(1), np.minimum(cells, blanks.sum(1)))
    assert not written[~blanks].any() and (plans[written] == solution[written]).all()


def test_cells_of_mazes_are_toggled_as_often_as_is_likely():
    mdp, source = maze_problem(5)
    states = mdp.initial(source.sample(np.random.default_rng(0))[None])
    free = np.flatnonzero(mdp.action_mask(states)[0])
    likely = torch.zeros(1, 25, 1)
    likely[0, free[0]] = 0.7
    toggled = [
        guessed(mdp, likely, states, 1, attempt)[0, free[0]] != states.plans[0, free[0]] for attempt in range(500)
    ]
    assert 0.63 < np.mean(toggled) < 0.77


def test_guesses_are_of_more_and_more_cells_and_half_of_them_start_from_zero():
    states, by = first_states(3), Guesses(2)
    policy = token_policy(MDP)
    with torch.no_grad():
        early = policy.decoder.probabilities(policy.decoder.last(tensors(states), None, 2)[None], tensors(states))[0]
    before = before_of(states, early)
    for attempt in range(1, 12):
        assert by.latent_number(attempt) == (0 if attempt % 2 else attempt)
        cells = GUESSED_CELLS[attempt // 2 % 4]
        plans = by.plans(MDP, attempt, before)
        assert np.array_equal(plans, guessed(MDP, early, states, cells, attempt))
        changed = (plans != states.plans).sum(1)
        assert np.array_equal(changed, np.minimum(cells, (states.instances == 0).sum(1)))


@torch.no_grad()
def test_what_a_latent_says_of_a_maze_outlives_edits():
    """A cell that is to be marked is to be toggled until it is."""
    mdp, source = maze_problem(5)
    policy, states = token_policy(mdp), mdp.initial(source.sample(np.random.default_rng(0))[None])
    free = np.flatnonzero(mdp.action_mask(states)[0])
    latent = torch.randn(1, 25, 8)
    before = policy.edit_probabilities(tensors(states), latent)[0, :, 0]
    after = policy.edit_probabilities(tensors(mdp.transition(states, free[:1]).successors), latent)[0, :, 0]
    assert after[free[0]].item() == pytest.approx(1.0 - before[free[0]].item(), rel=1e-5)
    others = np.delete(np.arange(25), free[0])
    assert torch.equal(after[others], before[others])


def test_the_likeliest_plan_of_a_maze_toggles_what_is_likely_wrong():
    mdp, source = maze_problem(5)
    states = mdp.initial(source.sample(np.random.default_rng(0))[None])
    editable = mdp.action_mask(states)[0, :25]
    likely = torch.full((1, 25, 1), 0.4)
    likely[0, np.flatnonzero(editable)[:3], 0] = 0.6
    plans = decoding.likeliest_plans(mdp, likely, states)
    assert np.flatnonzero(plans[0] != states.plans[0]).tolist() == np.flatnonzero(editable)[:3].tolist()
    assert decoding.uncertainty(mdp, likely, states).item() == pytest.approx(0.4, rel=1e-5)


def test_uncertainty_is_the_share_of_editable_cells_that_are_likely_wrong():
    states = first_states(2)
    likely = torch.full((2, 16, 4), 0.1)
    likely[:, :, 2] = 0.7
    likely[0, :, 2] = 1.0
    blanks = states.instances[1] == 0
    likely[1, np.flatnonzero(blanks)[0], 2] = 1.0
    expected = [0.0, 0.3 * (1 - 1 / blanks.sum())]
    assert decoding.uncertainty(MDP, likely, states).tolist() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["sudoku", "maze", "erase-and-stop"])
def test_repairing_edits_are_those_that_lead_nearer_to_a_plan(name):
    """Every action, by the MDP's own transition."""
    problems = {
        "sudoku": lambda: (MDP, SOURCE),
        "maze": lambda: maze_problem(5),
        "erase-and-stop": lambda: sudoku_problem(4, allow_erase=True, stop_action="noop"),
    }
    mdp, source = problems[name]()
    rng = np.random.default_rng(0)
    states = mdp.initial(np.stack([source.sample(rng) for _ in range(3)]))
    for _ in range(4):
        actions = np.array([rng.choice(np.flatnonzero(mask)[: mdp.task.n_cells]) for mask in mdp.action_mask(states)])
        states = mdp.transition(states, actions).successors
    legal = mdp.action_mask(states)
    likely = torch.rand(3, mdp.task.n_cells, mdp.task.n_symbols, generator=torch.Generator().manual_seed(0))
    plans = decoding.likeliest_plans(mdp, likely, states)
    found = decoding.edits_towards(mdp, states, plans)
    for row, action in zip(*np.nonzero(legal), strict=True):
        one = states.at(np.array([row]))
        after = mdp.transition(one, np.array([action])).successors.plans
        assert found[row, action] == ((after != plans[row]).sum() < (one.plans != plans[row]).sum())
    assert (found & legal).any(1).all()
