"""Hindsight targets: labels against enumeration, what the memory keeps, the policy that is read from them."""

import pickle
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from trm_agents.common.collection import as_tensors
from trm_agents.common.rollout import Rollout
from trm_agents.hindsight import fitting as hit_fitting
from trm_agents.hindsight.fitting import cell_weights, depth_weights, earlier, fit_hits, hit_loss
from trm_agents.hindsight.memory import GOALS_KEPT, HindsightMemory, Sample, nearest, repairs
from trm_agents.hindsight.policies import TIE, RepairPolicy
from trm_agents.recursion import repair_network
from trm_agents.solving import uniform_proposer
from trm_agents.upi_trm import improvement
from trm_agents.upi_trm.dials import HindsightDials
from trm_envs.maze.env import maze_problem
from trm_envs.maze.task import MazeTask
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.spaces import observation_space, observe
from trm_envs.sudoku.env import sudoku_problem
from trm_envs.sudoku.solver import solve
from trm_envs.sudoku.task import SudokuTask

PUZZLE = np.array([1, 0, 0, 0, 0, 0, 3, 0, 0, 4, 0, 0, 0, 0, 0, 2], np.int8)
GOAL = solve(PUZZLE[None])[0][0]
FIRST = np.arange(1)


def plans_of(rng, count=6):
    """Random plans on the puzzle: blanks, right and wrong digits."""
    plans = np.repeat(PUZZLE[None], count, axis=0)
    drawn = np.where(rng.random(plans.shape) < 0.4, GOAL, rng.integers(0, 5, plans.shape)).astype(np.int8)
    return np.where(plans > 0, plans, drawn)


def best_return(mdp, instance, plan, remaining, goal):
    """Undiscounted-path oracle: the discounted r0 of repairing wrong cells one after the other, by the MDP itself."""
    states = PlanStates(instance[None], plan[None], np.array([remaining], np.int32))
    total, discount = 0.0, 1.0
    for cell in np.flatnonzero(plan != goal):
        move = mdp.transition(states, np.array([cell * 4 + goal[cell] - 1]))
        total += discount * float(move.rewards[0])
        discount *= mdp.gamma
        states = move.successors
    assert move.checks.solved[0]
    return total


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_the_return_of_every_edit_is_gamma_to_the_repairs_it_leaves(seed):
    """In the unshaped MDP, Q_hindsight(s, a) = gamma^m' with m' = m - 1 + miss(a), for every edit of every cell."""
    mdp = PlanEditMDP(SudokuTask(4), shaping=False)
    plan = plans_of(np.random.default_rng(seed), 1)[0]
    hit = repairs(mdp.task, plan[None], GOAL[None])[0]
    differs = plan != GOAL
    for cell, symbol in product(np.flatnonzero(PUZZLE == 0), range(4)):
        after = plan.copy()
        after[cell] = symbol + 1
        left = int(differs.sum()) - int(differs[cell]) + int(not hit[cell, symbol])
        assert left == int((after != GOAL).sum())
        if left:
            assert best_return(mdp, PUZZLE, after, 16, GOAL) == pytest.approx(mdp.gamma ** (left - 1))


def test_potential_shaping_cancels_from_the_values_of_repairing():
    """With U = V_0 - Phi, shaped returns of the repair path differ from unshaped ones by Phi of the state alone."""
    plain, shaped = (PlanEditMDP(SudokuTask(4), shaping=shaping) for shaping in (False, True))
    for plan in plans_of(np.random.default_rng(3), 8):
        if (plan == GOAL).all():
            continue
        phi = shaped.task.check(PUZZLE[None], plan[None]).score[0]
        without = best_return(plain, PUZZLE, plan, 16, GOAL)
        assert best_return(shaped, PUZZLE, plan, 16, GOAL) == pytest.approx(without - phi)


def test_toggling_hits_where_the_marks_differ():
    task = MazeTask(5)
    plans, goals = np.random.default_rng(0).integers(0, 2, (2, 4, 25), np.int8)
    assert np.array_equal(repairs(task, plans, goals)[:, :, 0], plans != goals)


def rollout_of(mdp, episodes, instance=PUZZLE):
    """A rollout of one environment that plays these lists of actions on the instance, one after the other."""
    steps = sum(map(len, episodes))
    rollout = Rollout(steps, 1)
    for actions in episodes:
        states = mdp.initial(instance[None])
        for action in actions:
            move = mdp.transition(states, np.array([action]))
            nothing = np.zeros(1, np.bool_), np.zeros(1)
            rollout.add(
                observe(states), None, np.array([action]), move.rewards.astype(np.float32), move.terminated, *nothing
            )
            states = move.successors
    return rollout


def right_actions():
    return [int(cell * 4 + GOAL[cell] - 1) for cell in np.flatnonzero(PUZZLE == 0)]


def test_solved_episodes_are_kept_with_what_solved_them():
    mdp = PlanEditMDP(SudokuTask(4))
    memory = HindsightMemory(mdp, FIRST, 100)
    memory.add(rollout_of(mdp, [right_actions()]), np.random.default_rng(0))
    assert memory.size == 12 and memory.queries == 1
    sample = memory.sample(200, np.random.default_rng(1))
    assert (sample.goals == GOAL).all() and (sample.states.instances == PUZZLE).all()
    missing = (sample.states.plans != GOAL).sum(1)
    assert set(missing) == set(range(1, 13))
    assert (sample.states.remaining_edits >= missing).all() and (sample.states.remaining_edits <= 16).all()
    assert len(set(sample.states.remaining_edits)) > 5


def test_plans_of_a_failure_wait_for_a_success():
    mdp = PlanEditMDP(SudokuTask(4))
    memory, rng = HindsightMemory(mdp, FIRST, 100), np.random.default_rng(0)
    wrong = int(1 * 4 + GOAL[1] % 4)
    memory.add(rollout_of(mdp, [[wrong] * 16]), rng)
    assert memory.size == 0
    memory.add(rollout_of(mdp, [right_actions()]), rng)
    assert memory.size == 12 + 16


def test_only_the_environments_of_a_memory_are_followed():
    mdp = PlanEditMDP(SudokuTask(4))
    wrong = int(1 * 4 + GOAL[1] % 4)
    solved, failed = rollout_of(mdp, [right_actions()]), rollout_of(mdp, [[wrong] * 16])
    both = Rollout(16, 3)
    for name, values in solved.observations.items():
        both.observations[name] = np.repeat(failed.observations[name], 3, axis=1)
        both.observations[name][:12, 1:2] = values
    both.actions, both.terminated, both.truncated = (
        np.repeat(array, 3, axis=1) for array in (failed.actions, failed.terminated, failed.truncated)
    )
    both.actions[:12, 1:2] = solved.actions
    both.terminated[:12, 1:2], both.truncated[:12, 1:2] = solved.terminated, solved.truncated
    sizes = []
    for envs in ([0, 2], [1]):
        memory = HindsightMemory(mdp, np.array(envs), 100)
        memory.add(both, np.random.default_rng(0))
        sizes.append(memory.size)
    assert sizes == [0, 12]


def test_an_episode_goes_on_in_the_next_rollout_but_not_after_a_restart():
    mdp = PlanEditMDP(SudokuTask(4))
    whole = rollout_of(mdp, [right_actions()])
    for restart, size in ((False, 12), (True, 7)):
        memory = HindsightMemory(mdp, FIRST, 100)
        for part in (slice(0, 5), slice(5, 12)):
            piece = Rollout(part.stop - part.start, 1)
            piece.observations = {key: value[part] for key, value in whole.observations.items()}
            piece.actions, piece.terminated = whole.actions[part], whole.terminated[part]
            memory.add(piece, np.random.default_rng(0))
            if restart and part.start == 0:
                memory.restart(FIRST)
        assert memory.size == size


def test_the_oldest_states_give_way():
    mdp = PlanEditMDP(SudokuTask(4))
    memory = HindsightMemory(mdp, FIRST, 5)
    for value in range(1, 5):
        memory.keep(PUZZLE, np.full((3, 16), value, np.int8), GOAL[None])
    assert memory.size == 5
    plans = memory.sample(500, np.random.default_rng(0)).states.plans[:, 0]
    assert {value: (plans == value).mean() > 0.5 for value in set(plans)} == {3: False, 4: True}


LOOP = np.array([2, 0, 0, 0, 1, 0, 0, 0, 3], np.int8)
"""A 3x3 maze with start and goal in opposite corners and a wall in the middle: two ways round it."""
WAYS = np.array([[1, 1, 1, 0, 0, 1, 0, 0, 1], [1, 0, 0, 1, 0, 0, 1, 1, 1]], np.int8)


def test_plans_are_repaired_to_the_nearest_goal():
    """Half way round the loop, the way that was begun is nearer."""
    plans = np.repeat((LOOP >= 2).astype(np.int8)[None], 3, axis=0)
    plans[1, 1] = plans[2, 3] = 1
    assert np.array_equal(nearest(plans, WAYS), WAYS[[0, 0, 1]])
    assert np.array_equal(nearest(plans, WAYS[::-1]), WAYS[[1, 0, 1]])


def test_goals_found_earlier_are_remembered():
    memory = HindsightMemory(PlanEditMDP(MazeTask(3)), FIRST, 100)
    plan = (LOOP >= 2).astype(np.int8)
    plan[1] = 1
    memory.keep(LOOP, plan[None], WAYS[:1])
    memory.keep(LOOP, plan[None], WAYS[1:])
    sample = memory.sample(50, np.random.default_rng(0))
    assert np.array_equal(sample.goals, np.repeat(WAYS[:1], 50, axis=0))
    many = np.unique(np.random.default_rng(0).integers(0, 2, (3 * GOALS_KEPT, 9), np.int8), axis=0)
    assert np.array_equal(memory._known(LOOP, many), many[:GOALS_KEPT])
    assert np.array_equal(memory._known(LOOP, many[:3]), many[:GOALS_KEPT])


def test_a_search_may_look_for_several_solutions():
    mdp = PlanEditMDP(MazeTask(3))
    for solutions, known in ((1, 1), (5, 2)):
        memory, rng = HindsightMemory(mdp, FIRST, 100), np.random.default_rng(0)
        memory._wait(LOOP, mdp.initial(LOOP[None]).plans, rng)
        assert memory.plan(uniform_proposer(mdp), 1, 50, solutions) == 1.0
        assert len(memory._goals[LOOP.tobytes()]) == known
        sample = memory.sample(200, rng)
        assert mdp.task.check(sample.states.instances, sample.goals).solved.all()
        differing = (sample.states.plans[:, None] != WAYS).sum(2)
        if known == 2:
            assert np.array_equal((sample.states.plans != sample.goals).sum(1), differing.min(1))


@pytest.mark.parametrize("solutions", [1, 5])
def test_solved_instances_are_searched_for_other_ways_where_several_are_asked_for(solutions):
    """An episode goes one way round the loop; states that are nearer to the other are labelled with it from then on."""
    mdp = PlanEditMDP(MazeTask(3))
    memory, rng = HindsightMemory(mdp, FIRST, 200), np.random.default_rng(0)
    memory.add(rollout_of(mdp, [np.flatnonzero(WAYS[0] & (LOOP == 0))], LOOP), rng)
    half = (LOOP >= 2).astype(np.int8)
    half[3] = 1
    memory.keep(LOOP, half[None], WAYS[:1])
    queries = memory.queries
    searched = solutions > 1
    assert memory.plan(uniform_proposer(mdp), 3, 50, solutions) == float(searched)
    assert (memory.queries > queries) == searched
    sample = memory.sample(300, rng)
    drawn = sample.goals[(sample.states.plans == half).all(1)]
    assert len(drawn) and np.array_equal(drawn, np.repeat(WAYS[[int(searched)]], len(drawn), axis=0))
    assert memory.plan(uniform_proposer(mdp), 3, 50, solutions) == 0.0, "once is enough"


def test_memory_pickles_with_all_it_knows():
    mdp = PlanEditMDP(SudokuTask(4))
    memory = HindsightMemory(mdp, FIRST, 100)
    memory.add(rollout_of(mdp, [[3] * 16, right_actions(), [5] * 16]), np.random.default_rng(0))
    again = pickle.loads(pickle.dumps(memory))
    a, b = (m.sample(50, np.random.default_rng(4)) for m in (memory, again))
    assert np.array_equal(a.states.plans, b.states.plans) and np.array_equal(a.goals, b.goals)
    for m in (memory, again):
        m.add(rollout_of(mdp, [right_actions()]), np.random.default_rng(5))
    assert memory.size == again.size and memory.next == again.next
    assert np.array_equal(memory._kept, again._kept)
    assert {k: v.tolist() for k, v in memory._goals.items()} == {k: v.tolist() for k, v in again._goals.items()}


def test_failed_instances_are_searched_in_the_model():
    mdp, source = sudoku_problem(4, split="train", blanks="minimal")
    memory, rng = HindsightMemory(mdp, FIRST, 1000), np.random.default_rng(0)
    instances = np.stack([source.sample(rng) for _ in range(3)])
    for instance in instances:
        memory._wait(instance, instance[None], rng)
    share = memory.plan(uniform_proposer(mdp), 2, 200)
    assert share == 1.0 and memory.queries > 0
    assert len(memory._waiting) == 1
    sample = memory.sample(100, rng)
    assert mdp.task.check(sample.states.instances, sample.goals).solved.all()
    assert memory.plan(uniform_proposer(mdp), 2, 0) == 0.0
    assert len(memory._waiting) == 1


def test_dead_ends_of_a_search_are_not_kept():
    mdp, source = sudoku_problem(9, split="train", blanks="hard")
    puzzle = source.sample(np.random.default_rng(0))
    goal = solve(puzzle[None])[0][0]
    memory = HindsightMemory(mdp, FIRST, 1000)
    memory._wait(puzzle, puzzle[None], np.random.default_rng(0))
    proposer, visited = uniform_proposer(mdp), list[np.ndarray]()

    def watched(states):
        visited.extend(states.plans)
        return proposer(states)

    assert memory.plan(watched, 1, 2000) == 1.0
    ways = [bool(((plan == goal) | (plan == puzzle)).all()) for plan in visited]
    assert any(ways) and not all(ways), "the search has been both on the way and off it"
    kept = memory._kept[1, : memory.size]
    assert ((kept == goal) | (kept == puzzle)).all()
    assert memory.size == 1 + sum(ways), "what waited, and what lies on the way"


def policy_of(mdp, seed=0, **kwargs):
    torch.manual_seed(seed)
    made = RepairPolicy(
        observation_space(mdp), spaces.Discrete(mdp.n_actions), lambda _: 1e-3, mdp=mdp, width=8, **kwargs
    )
    torch.nn.init.normal_(made.network.weight)
    made.averaged.load_state_dict(made.network.state_dict())
    return made


PROBLEMS = {
    "sudoku": lambda: sudoku_problem(4),
    "erase-and-stop": lambda: sudoku_problem(4, allow_erase=True, stop_action="noop"),
    "consistent": lambda: sudoku_problem(4, legal_actions="consistent"),
    "maze": lambda: maze_problem(5),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_policy_is_the_candidate_of_its_exactly_centred_advantages(name):
    mdp, source = PROBLEMS[name]()
    rng = np.random.default_rng(0)
    states = mdp.initial(np.stack([source.sample(rng) for _ in range(6)]))
    states = mdp.transition(states, mdp.action_mask(states).argmax(1)).successors
    policy = policy_of(mdp)
    seen = {key: torch.as_tensor(value) for key, value in observe(states).items()}
    probabilities, _ = policy.action_probabilities(seen)
    advantages = policy.advantages(seen)
    mask = torch.from_numpy(mdp.action_mask(states))
    assert probabilities.shape == advantages.shape == mask.shape
    assert torch.allclose(probabilities.sum(1), torch.ones(6))
    assert (probabilities[~mask] == 0).all()
    assert float(improvement.centring_defect(advantages, probabilities)) < 1e-6
    chosen = probabilities > 0
    uniform = chosen.float() / chosen.sum(1, keepdim=True)
    again = improvement.candidate(uniform, advantages, chosen, policy.beta)
    assert torch.allclose(again, probabilities, atol=1e-6)


def test_gain_of_an_edit_is_its_hit_minus_that_of_leaving_the_cell():
    mdp = PlanEditMDP(SudokuTask(4))
    policy = policy_of(mdp)
    plans = plans_of(np.random.default_rng(2), 5)
    states = PlanStates(np.repeat(PUZZLE[None], 5, axis=0), plans, np.full(5, 9, np.int32))
    seen = {key: torch.as_tensor(value) for key, value in observe(states).items()}
    hits, advantages = policy.hit_probabilities(seen).numpy(), policy.advantages(seen).numpy()
    for row, plan in enumerate(plans):
        shifts = []
        for cell, symbol in product(np.flatnonzero(PUZZLE == 0), range(4)):
            stay = hits[row, cell, plan[cell] - 1] if plan[cell] else 0.0
            if plan[cell] != symbol + 1:
                shifts.append(advantages[row, cell * 4 + symbol] - (hits[row, cell, symbol] - stay))
        # Centring subtracts the same from every edit of a state.
        assert np.ptp(shifts) < 1e-5


def test_edits_that_change_nothing_have_no_probability():
    mdp = PlanEditMDP(SudokuTask(4))
    policy = policy_of(mdp)
    plans = plans_of(np.random.default_rng(2), 20)
    states = PlanStates(np.repeat(PUZZLE[None], 20, axis=0), plans, np.full(20, 9, np.int32))
    seen = {key: torch.as_tensor(value) for key, value in observe(states).items()}
    probabilities = policy.action_probabilities(seen)[0].view(20, 16, 4)
    rows, cells = np.nonzero((plans > 0) & (PUZZLE == 0))
    assert len(rows) and (probabilities[rows, cells, plans[rows, cells] - 1] == 0).all()


def test_the_first_of_equally_good_edits_is_taken():
    mdp = PlanEditMDP(SudokuTask(4))
    policy = policy_of(mdp)
    near, far = np.exp(policy.beta * TIE * np.array([0.9, 1.1]))
    rows = [[0.2, 0.2 * near, 0.1], [0.2, 0.2 * far, 0.1], [0.0, 0.3, 0.3 * near]]
    assert policy.greedy(torch.tensor(rows, dtype=torch.float64)).tolist() == [0, 1, 1]
    # All edits of an empty grid are the same but for symmetries, whatever rounding makes of them at a depth.
    empty = observe(mdp.initial(np.zeros((1, 16), np.int8)))
    for seed, unroll in product(range(4), (1, 2, 5, 16)):
        other = policy_of(mdp, seed, unroll=unroll)
        assert other.predict(dict(empty), deterministic=True)[0].tolist() == [0]


def test_value_counts_the_cells_that_are_not_right():
    mdp = PlanEditMDP(SudokuTask(4))
    policy = policy_of(mdp)
    with torch.no_grad():
        policy.averaged.weight.zero_()
    states = mdp.initial(PUZZLE[None])
    seen = {key: torch.as_tensor(value) for key, value in observe(states).items()}
    # Twelve blanks, none of them right.
    phi = torch.tensor([3.5])
    assert float(policy.values(seen, phi)) == pytest.approx(mdp.gamma**11 - 3.5)


def test_behaviour_leans_on_the_checker_and_counts_its_queries():
    mdp = PlanEditMDP(SudokuTask(4))
    policy = policy_of(mdp)
    states = mdp.initial(PUZZLE[None])
    seen = {key: torch.as_tensor(value) for key, value in observe(states).items()}
    with torch.no_grad():
        # The averaged weights are deployed and collect, not the latest.
        policy.network.weight.fill_(3.0)
    deployed = policy.action_probabilities(seen)[0]
    assert torch.allclose(policy.behaviour(seen)[0], deployed) and policy.queries == 0
    policy.prior = 1.0
    leaning = policy.behaviour(seen)[0].detach()
    assert policy.queries == 12 * 4
    scores = mdp.successors(states).transition.checks.score
    legal = mdp.action_mask(states)[0]
    best = np.flatnonzero(legal)[scores == scores.max()]
    assert float(leaning[0, best].sum()) > 0.99
    assert torch.equal(policy.action_probabilities(seen)[0], deployed)


def test_deployed_weights_are_an_average():
    policy = policy_of(PlanEditMDP(SudokuTask(4)))
    with torch.no_grad():
        policy.averaged.weight.fill_(1.0)
        policy.network.weight.fill_(3.0)
    policy.average(0.75)
    assert torch.allclose(policy.averaged.weight, torch.full((8,), 1.5))
    assert torch.equal(policy.network.weight, torch.full((8,), 3.0))


def test_losses_by_hand():
    logits = torch.zeros(1, 1, 2, 4)
    logits[0, 0, 1, 2] = 2.0
    hit = torch.zeros(1, 2, 4, dtype=torch.bool)
    hit[0, 0, 3] = hit[0, 1, 2] = True
    loss = hit_loss(logits, hit)[0, 0]
    assert loss.tolist() == pytest.approx([np.log(4), np.log(3 + np.exp(2)) - 2])
    toggles = hit_loss(torch.tensor([[[[1.0], [-2.0]]]]), torch.tensor([[[True], [True]]]))
    assert toggles[0, 0].tolist() == pytest.approx([np.log1p(np.exp(-1)), np.log1p(np.exp(2))])
    assert depth_weights(3, True).tolist() == pytest.approx([1 / 14, 4 / 14, 9 / 14])
    assert depth_weights(3, False).tolist() == [1.0]


@pytest.mark.parametrize("right_weight", [0.3, 1.0])
def test_locked_cells_have_no_weight_and_right_ones_their_own(right_weight):
    mdp = PlanEditMDP(SudokuTask(4))
    plan = PUZZLE.copy()
    plan[1] = GOAL[1]
    sample = Sample(PlanStates(PUZZLE[None], plan[None], np.array([9], np.int32)), GOAL[None])
    weights = cell_weights(mdp, sample, right_weight)[0]
    assert float(weights.sum()) == pytest.approx(1.0)
    assert (weights[torch.from_numpy(PUZZLE > 0)] == 0).all()
    assert float(weights[1] / weights[2]) == pytest.approx(right_weight)


def test_a_network_learns_what_it_is_shown():
    """Fitting the states of one solved puzzle finds its edits: the loss and its gradient point the right way."""
    mdp = PlanEditMDP(SudokuTask(4))
    torch.manual_seed(0)
    net = repair_network(mdp, width=8, unroll=4)
    optimizer = torch.optim.Adam(net.parameters(), 2e-2)
    states = mdp.initial(PUZZLE[None])
    seen = {key: torch.as_tensor(value) for key, value in observe(states).items()}
    hit = torch.from_numpy(repairs(mdp.task, states.plans, GOAL[None]))
    for _ in range(150):
        loss = hit_loss(net.hit_logits(seen)[0], hit).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert torch.equal(net.hits(seen)[0][0].argmax(1), torch.as_tensor(GOAL.astype(np.int64) - 1))


def training_dials(**changes):
    usual = HindsightDials(
        batch_size=2, min_unroll=2, max_unroll=5, backprop_steps=5, deep_supervision=True, ema_decay=0.9,
        max_grad_norm=1.0, replay_ratio=1.0, right_weight=1.0, learning_starts=1, search_instances=0, search_budget=0,
        search_solutions=1,
    )  # fmt: skip
    return replace(usual, **changes)


def one_solved(mdp):
    memory = HindsightMemory(mdp, FIRST, 10)
    memory.keep(PUZZLE, PUZZLE[None], GOAL[None])
    return memory


@pytest.mark.parametrize(("backprop_steps", "last"), [(5, {2, 3, 4, 5}), (2, {2})])
def test_training_depths_are_drawn_from_their_range(monkeypatch, backprop_steps, last):
    mdp = PlanEditMDP(SudokuTask(4))
    policy = policy_of(mdp, unroll=3)
    ran, run = [], policy.network.run

    def counting(observation, latent=None, unroll=None, kept=None):
        ran.append((unroll, torch.is_grad_enabled()))
        return run(observation, latent, unroll, kept)

    monkeypatch.setattr(policy.network, "run", counting)
    drawn = set()
    for seed in range(60):
        ran.clear()
        rng = np.random.default_rng(seed)
        fit_hits(policy, [one_solved(mdp)], 1, 0, training_dials(backprop_steps=backprop_steps), rng)
        drawn.add(sum(steps for steps, _ in ran))
        assert ran[-1][1] and ran[-1][0] in last
        assert len(ran) == 1 or ran[0][1] is False
    assert drawn == {2, 3, 4, 5}


def test_gradients_flow_through_the_last_steps_alone():
    """Against the whole unroll with its latent cut off by hand where gradients are to begin."""
    mdp = PlanEditMDP(SudokuTask(4))
    policy, by_hand = policy_of(mdp, unroll=5), policy_of(mdp, unroll=5)
    by_hand.load_state_dict(policy.state_dict())
    for one in (policy, by_hand):
        one.optimizer = torch.optim.SGD(one.network.parameters(), 1.0)
    dials = training_dials(min_unroll=5, backprop_steps=2, max_grad_norm=1e9)
    fit_hits(policy, [one_solved(mdp)], 1, 0, dials, np.random.default_rng(3))

    sample = one_solved(mdp).sample(2, np.random.default_rng(3))
    seen = as_tensors(observe(sample.states), by_hand.device)
    z = by_hand.network.run(seen, None, 3).latents[-1].detach()
    logits = by_hand.network.logits(by_hand.network.run(seen, z, 2).latents, seen)
    hit = torch.from_numpy(repairs(mdp.task, sample.states.plans, sample.goals))
    losses = (hit_loss(logits, hit) * cell_weights(mdp, sample, 1.0)).sum((1, 2))
    (depth_weights(2, True) @ losses).backward()
    by_hand.optimizer.step()
    for one, other in zip(policy.network.parameters(), by_hand.network.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_a_persistent_latent_comes_from_earlier_plans():
    """Half of the states come from themselves; of the others' cells all or none or some are as in the beginning."""
    mdp = PlanEditMDP(SudokuTask(4), max_edits=20)
    count, left = 2_000, 3
    states = PlanStates(np.tile(PUZZLE, (count, 1)), np.tile(GOAL, (count, 1)), np.full(count, left, np.int32))
    before = earlier(mdp, states, np.random.default_rng(0))
    first = mdp.task.initial_plans(states.instances)
    undone = before.plans != states.plans
    assert np.array_equal(np.where(undone, first, states.plans), before.plans)
    assert np.array_equal(before.remaining_edits, left + undone.sum(1)) and before.remaining_edits.dtype == np.int32
    # Of 3 blanks none is undone where the state is its own origin, or by chance: 1/2 + 1/2 int (1 - u)^k du.
    blanks = int((PUZZLE == 0).sum())
    shares = np.bincount(undone.sum(1), minlength=blanks + 1) / count
    expected = [0.5 / (blanks + 1)] * (blanks + 1)
    assert shares == pytest.approx(np.array(expected) + np.eye(blanks + 1)[0] / 2, abs=0.04)
    full = earlier(mdp, states._replace(remaining_edits=np.full(count, 20, np.int32)), np.random.default_rng(0))
    assert (full.remaining_edits == 20).all()


@pytest.mark.parametrize("latent", ["episodic", "persistent"])
def test_training_states_of_a_persistent_latent_go_on_from_another_plan(latent, monkeypatch):
    mdp = PlanEditMDP(SudokuTask(4))
    policy = policy_of(mdp, unroll=3, latent=latent)
    seen, run = [], policy.network.run

    def watching(observation, latent=None, unroll=None, kept=None):
        seen.append(observation["plan"].numpy().copy())
        return run(observation, latent, unroll, kept)

    monkeypatch.setattr(policy.network, "run", watching)
    monkeypatch.setattr(hit_fitting, "earlier", lambda mdp, states, rng: states._replace(plans=0 * states.plans))
    fit_hits(policy, [one_solved(mdp)], 1, 0, training_dials(min_unroll=5, backprop_steps=2), np.random.default_rng(0))
    before, now = seen
    assert np.array_equal(now, np.tile(PUZZLE, (2, 1)))
    assert (before == (0 if latent == "persistent" else now)).all()
