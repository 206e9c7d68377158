"""Value targets of all edits beside survival, and the steps of episodes that they label."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from agent_helpers import SOLVED, agent, puzzle, sudoku, tensors, upi_trm

from trm_agents import CostToGo, Outcome, Survival, Violations
from trm_agents.common.depths import TrainUnroll, deepening
from trm_agents.common.rollout import Rollout
from trm_agents.survival import Drawn, backup, label
from trm_agents.survival.labels import with_own_plans
from trm_agents.survival.targets import SAMPLED_WEIGHT, refused
from trm_agents.upi_trm.edit_learning import label_loss, violation_loss
from trm_agents.upi_trm.edit_policy import edit_costs
from trm_agents.upi_trm.experience import Experience
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.sudoku.task import SudokuTask

MDP = PlanEditMDP(SudokuTask(4), max_edits=6)
COVER = MDP.task.cover
RIGHT = {cell: cell * 4 + int(SOLVED[cell]) - 1 for cell in range(16)}
"""The edit that writes what the solved grid has in a cell."""


def played(*episodes):
    """A rollout of one environment: episodes of (instance, actions), each played to its last action."""
    steps = []
    for instance, actions in episodes:
        states = MDP.initial(instance[None])
        for i, action in enumerate(actions):
            steps.append((states, action, i + 1 == len(actions)))
            states = MDP.transition(states, np.array([action])).successors
    rollout = Rollout(len(steps), 1)
    for states, action, end in steps:
        seen = {"instance": states.instances, "plan": states.plans, "remaining_edits": states.remaining_edits[:, None]}
        rollout.add(seen, np.array([action]), np.zeros(1), np.array([end]), np.array([False]), np.zeros(1))
    return rollout


WON = puzzle(0, 5), [RIGHT[5], RIGHT[0]]
LOST = puzzle(0, 5, 6), [RIGHT[0], *[RIGHT[5]] * 3]


def drawn_from(experience, count=400, first_states=0.5, horizon=1):
    return experience.draw(count, first_states, horizon, np.random.default_rng(0))


def test_the_last_rollout_is_drawn_from_where_no_outcome_is_asked_for():
    experience = Experience(MDP, COVER, 1)
    experience.add(played(WON))
    begun = played(LOST)
    begun.terminated[:] = False
    experience.add(begun)
    drawn = drawn_from(experience, count=12, horizon=None)
    assert drawn.taken is None and drawn.first.tolist() == [False] * 4 + [True] * 8
    assert (drawn.states.instances[:4] == LOST[0]).all()
    assert sorted(drawn.states.remaining_edits[:4].tolist()) == [3, 4, 5, 6]
    np.testing.assert_array_equal(drawn.known, (drawn.states.instances == WON[0]).all(axis=1))


def test_steps_of_finished_episodes_know_how_they_ended():
    experience = Experience(MDP, COVER, 1)
    assert experience.add(played(LOST, WON)) == 2
    drawn = drawn_from(experience, count=16)
    # Of the newest six steps all have a blank and hope; the rest of the batch are first states.
    assert drawn.first.tolist() == [False] * 6 + [True] * 10
    steps = sorted(zip(drawn.taken.left.tolist(), drawn.taken.won.tolist(), drawn.taken.actions.tolist(), strict=True))
    last = RIGHT[5]
    assert steps == [
        (1, False, last),
        (1, True, RIGHT[0]),
        (2, False, last),
        (2, True, last),
        (3, False, last),
        (4, False, RIGHT[0]),
    ]
    row = int(np.flatnonzero(drawn.taken.won & (drawn.taken.left == 2))[0])
    np.testing.assert_array_equal(drawn.states.plans[row], WON[0])
    np.testing.assert_array_equal(drawn.taken.later.plans[row], puzzle(0))
    assert (drawn.states.remaining_edits[row], drawn.taken.later.remaining_edits[row]) == (6, 5)
    of_won = (drawn.states.instances == WON[0]).all(axis=1)
    np.testing.assert_array_equal(drawn.known, of_won)
    assert (drawn.goals[of_won] == SOLVED).all()


def test_the_newest_steps_stay_and_unfinished_episodes_are_dropped_at_a_restart():
    experience = Experience(MDP, COVER, 1)
    experience.add(played(LOST, LOST, WON))
    assert sorted(drawn_from(experience).taken.left.tolist()) == [1, 1, 2, 2, 3, 4], "of six steps to an episode"
    begun = played(LOST)
    begun.terminated[:] = False
    assert experience.add(begun) == 0
    experience.restart(1)
    assert experience.add(played(WON)) == 1


def test_first_states_are_of_the_instances_that_episodes_began_on():
    experience = Experience(MDP, COVER, 1)
    experience.add(played(WON, WON, LOST))
    drawn = drawn_from(experience, first_states=1.0)
    assert len(drawn.taken.actions) == 0 and drawn.first.all()
    np.testing.assert_array_equal(drawn.states.plans, drawn.states.instances)
    assert set(drawn.states.remaining_edits.tolist()) == {6}
    share = (drawn.states.instances == WON[0]).all(axis=1).mean()
    assert 0.6 < share < 0.73, "once for each episode"


class Fixed:
    """A policy whose values are known."""

    mdp, cover = MDP, COVER

    def expected_values(self, states):
        return np.where((states.plans == 0).sum(axis=1) == 1, 0.25, 0.5).astype(np.float32)

    def least_costs(self, states):
        return (states.plans == 0).sum(axis=1).astype(np.float32)

    def edit_values(self, states):
        return np.ones((len(states.plans), 64), np.float32)


def of_step(experience, plan, target):
    """Label, weight and cost of the edit that an episode took in this plan; and all labels of the state."""
    drawn = drawn_from(experience, count=16, horizon=target.horizon)
    said = target.labels(drawn, Fixed(), np.random.default_rng(0), 1.0)
    row = int(np.flatnonzero((drawn.states.plans[: len(drawn.taken.actions)] == plan).all(axis=1))[0])
    action = drawn.taken.actions[row]
    return said.label[row, action], said.weight[row, action], None if said.costs is None else said.costs[row], said


@pytest.mark.parametrize(
    ("steps", "plan", "value"),
    [
        (None, puzzle(0, 5), 1.0),
        (None, puzzle(0, 5, 6), 0.0),
        (1, puzzle(0, 5), 0.25),
        (1, puzzle(0), 1.0),
        (2, puzzle(0, 5), 1.0),
        (1, puzzle(0, 5, 6), 0.5),
        (2, puzzle(0, 5, 6), 0.25),
        (6, puzzle(0, 5, 6), 0.0),
    ],
)
def test_outcomes_by_hand(steps, plan, value):
    experience = Experience(MDP, COVER, 1)
    experience.add(played(WON, LOST))
    target = Outcome(steps=steps, alive_weight=3.0)
    label_, weight, _, said = of_step(experience, plan, target)
    assert label_ == value and weight == SAMPLED_WEIGHT * (1.0 + 2.0 * value)
    # Beside the edits taken, the checker's zeros alone.
    assert (said.weight > 0).sum() == 6 + (said.weight == 1.0).sum()


@pytest.mark.parametrize(("plan", "cost"), [(puzzle(0, 5), 2.0), (puzzle(0), 0.0), (puzzle(0, 5, 6), 3.0)])
def test_costs_to_go_by_hand(plan, cost):
    experience = Experience(MDP, COVER, 1)
    experience.add(played(WON, LOST))
    assert of_step(experience, plan, CostToGo())[2] == cost


def test_the_end_of_a_failure_says_nothing_of_costs():
    experience = Experience(MDP, COVER, 1)
    experience.add(played(WON, LOST))
    drawn = drawn_from(experience, count=16)
    costs = CostToGo().labels(drawn, Fixed(), np.random.default_rng(0), 1.0).costs
    np.testing.assert_array_equal(np.isnan(costs), (drawn.taken.left == 1) & ~drawn.taken.won)


def test_an_edit_costs_what_is_left_less_its_gain():
    states = PlanStates(puzzle(0, 5)[None], puzzle(5)[None], np.array([3], np.int32))
    shares = torch.full((1, 16, 4), 0.1)
    shares[0, 0, 0], shares[0, 5, 3] = 0.75, 0.5
    costs = edit_costs(MDP, shares, states)[0]
    # Cell 0 is 1 as solved: it is right with 0.75; cell 5 is blank. Givens count for nothing.
    assert float(costs[RIGHT[5]]) == pytest.approx(0.25 + 1.0 - 0.5)
    assert float(costs[1]) == pytest.approx(0.25 + 1.0 - (0.1 - 0.75))


def own_plan(plan, known=True):
    states = PlanStates(puzzle(0, 5)[None], plan[None], np.array([3], np.int32))
    drawn = Drawn(states, np.array([True]), SOLVED[None], np.array([known]), None)
    said = with_own_plans(refused(states, COVER), drawn, 4.0)
    return said.label[0].reshape(16, 4), said.weight[0].reshape(16, 4)


def test_own_plans_label_every_edit_of_the_states_that_agree_with_them():
    label_, weight = own_plan(puzzle(0, 5))
    assert np.argwhere(label_).tolist() == [[0, SOLVED[0] - 1], [5, SOLVED[5] - 1]]
    assert weight[0, SOLVED[0] - 1] == 4.0
    assert set(weight[5].tolist()) <= {4.0, 1.0}
    assert not weight[1].any(), "a given"
    wrong = puzzle(0)
    wrong[5] = SOLVED[5] % 4 + 1
    for plan, known in ((wrong, True), (puzzle(0, 5), False)):
        label_, weight = own_plan(plan, known)
        assert not label_.any() and set(weight.ravel().tolist()) == {0.0, 1.0}


def test_v_over_edits_is_the_largest_value_of_one():
    states = PlanStates(puzzle(0, 1, 5)[None], puzzle(0, 1, 5)[None], np.array([3], np.int32))
    settings = Survival(over="edits", rounds=0, bounds=False, successors=9, ramp=(0.0, 1.0), alive_weight=1.0)

    def values(asked):
        legal = backup.status(asked.plans, COVER).legal
        return np.where(legal, np.where(np.arange(64) == RIGHT[5], 0.75, 0.5), 0.0).astype(np.float32)

    said = label(states, values, COVER, settings, np.random.default_rng(0))
    legal = np.flatnonzero(said.of.legal[0])
    # After the edit of cell 5 the best of what is left is worth 0.5, after all others it is 0.75.
    assert said.label[0, RIGHT[5]] == pytest.approx(0.5)
    assert said.label[0, legal[legal != RIGHT[5]]] == pytest.approx(0.75)


def test_the_label_loss_by_hand():
    logits, labels, weights = torch.zeros(2, 1, 3), torch.tensor([[1.0, 0.0, 1.0]]), torch.tensor([[3.0, 1.0, 0.0]])
    logits[1, 0, 0] = 100.0
    expected = [np.log(2.0), np.log(2.0) / 4.0]
    assert label_loss(logits, labels, weights).tolist() == pytest.approx(expected, rel=1e-6)


def violations(plan, logits=None):
    """Of one plan, all options required."""
    logits = torch.zeros(1, 1, 16, 4) if logits is None else logits
    options, required = torch.from_numpy(COVER.options), torch.from_numpy(COVER.required)
    return float(violation_loss(logits, torch.from_numpy(plan[None]), options, required))


def test_violations_by_hand():
    assert COVER.required.all() and len(COVER.options) == 64
    assert violations(puzzle()) == 0.0
    # One blank of four equal shares: row, column and box lack 3/4 of its symbol, and have 1/4 too much of three.
    assert violations(puzzle(5)) == pytest.approx(3 * (0.75**2 + 3 * 0.25**2) / 64)
    right = torch.zeros(1, 1, 16, 4)
    right[0, 0, 5, SOLVED[5] - 1] = 50.0
    assert violations(puzzle(5), right) == pytest.approx(0.0, abs=1e-12)
    wrong = puzzle()
    wrong[5] = SOLVED[5] % 4 + 1
    assert violations(wrong) == pytest.approx(3 * 2 / 64), "a dead plan that is full"
    # Options of a constraint that need not be met count where there are too many.
    options, most = torch.tensor([[0, 4, -1]]), torch.tensor([False])
    for plan, loss in (([0, 0], 0.0), ([1, 0], 0.25**2), ([1, 1], 1.0), ([2, 2], 0.0)):
        said = violation_loss(torch.zeros(1, 1, 2, 4), torch.tensor([plan]), options, most)
        assert said.tolist() == pytest.approx([loss])


def test_violations_teach_small_puzzles_without_a_label():
    drawn = drawn_from(solved_once(), count=8, horizon=None)
    assert not Violations().labels(drawn, Fixed(), np.random.default_rng(0), 1.0).weight.any()
    model = upi_trm(sudoku(n_envs=16), target=Violations(), n_steps=5, unroll=4, learning_rate=4e-3)
    before = violations(puzzle(0, 5), logits_of(model, puzzle(0, 5)))
    model.learn(2_000)
    assert violations(puzzle(0, 5), logits_of(model, puzzle(0, 5))) < 0.05 * before


def solved_once():
    experience = Experience(MDP, COVER, 1)
    experience.add(played(WON))
    return experience


def logits_of(model, plan):
    """Of the averaged network, (1, 1, 16, 4)."""
    policy, observation = model.policy, tensors(MDP.initial(plan[None]))
    with torch.no_grad():
        return policy.averaged.logits(policy.latents(observation)[None], observation)


def test_costs_to_go_are_learned_on_small_puzzles():
    model = upi_trm(sudoku(n_envs=16), target=CostToGo(), n_steps=5, unroll=4, learning_rate=4e-3).learn(2_000)
    states = PlanStates(puzzle(0, 5)[None], puzzle(0, 5)[None], np.array([3], np.int32))
    # Two edits are to be made: after the best of them, one is.
    assert float(model.policy.least_costs(states)[0]) == pytest.approx(1.0, abs=0.3)


def test_the_anchor_can_be_left_to_what_the_agent_has_solved():
    trained = {}
    for anchored in ("all", "solved"):
        model = agent("survival", target=Survival(anchored=anchored)).learn(64)
        trained[anchored] = model.policy.edit_values(MDP.initial(puzzle(0, 1, 5, 10)[None]))
    assert not np.array_equal(trained["all"], trained["solved"])


def test_expected_values_are_means_under_the_policy():
    model = agent("survival").learn(64)
    states = MDP.initial(np.stack([puzzle(0, 1, 5, 10), puzzle(2, 3)]))
    policy = model.policy.action_probabilities(tensors(states)).numpy()
    expected = (policy * model.policy.edit_values(states)).sum(axis=1)
    np.testing.assert_allclose(model.policy.expected_values(states), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("target", "kwargs", "message"),
    [
        (Outcome, {"steps": 0}, "Outcome: steps must be at least 1, got 0"),
        (Outcome, {"anchor": -1.0}, "Outcome: anchor must not be negative, got -1.0"),
        (CostToGo, {"first_states": 2.0}, r"CostToGo: first_states must be within \[0, 1\], got 2.0"),
        (Violations, {"anchored": "solved"}, "Violations: .* leave anchored out"),
        (Violations, {"alive_weight": 2.0}, "Violations: .* leave alive_weight out"),
        (Survival, {"anchored": "none"}, "Survival: anchored must be one of .*, got 'none'"),
        (Survival, {"over": "cells"}, "Survival: over must be 'constraints' or 'edits', got 'cells'"),
        (Survival, {"over": "edits"}, "pass rounds=0 and bounds=False with over='edits'"),
    ],
)
def test_bad_settings_are_refused(target, kwargs, message):
    with pytest.raises(ValueError, match=message):
        target(**kwargs)


@pytest.mark.parametrize(
    ("train_unroll", "progress", "high"),
    [
        ((8, 32, 10), 0.0, 10),
        ((8, 32, 10), 0.1, 21),
        ((8, 32, 10), 0.2, 32),
        ((8, 32, 10), 1.0, 32),
        ((4, 6, 6), 0.0, 6),
        ((5, 9, 2), 0.0, 5),
        ((5, 9, 12), 0.5, 9),
    ],
)
def test_depths_grow_over_the_first_fifth(train_unroll, progress, high):
    low, _, gradient = train_unroll
    assert deepening(TrainUnroll(*train_unroll), progress) == (low, high, gradient)
