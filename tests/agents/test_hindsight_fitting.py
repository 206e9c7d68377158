"""Fitting edit probabilities to hindsight labels: losses, weights, depths, gradients, counts and refusals."""

import numpy as np
import pytest
import torch
from agent_helpers import hindsight_trm, sudoku, tensors, token_policy
from stable_baselines3.common.callbacks import BaseCallback

from trm_agents import HindsightTRM, Search
from trm_agents.common import carrying
from trm_agents.common.carrying import earlier
from trm_agents.common.depths import TrainUnroll, depth_weights
from trm_agents.hindsight.fitting import FitSettings, cell_weights, edit_loss, fit
from trm_agents.hindsight.memory import HindsightMemory, Sample, edit_labels
from trm_agents.recursion import plan_decoder
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.sudoku.env import sudoku_problem
from trm_envs.sudoku.solver import solve
from trm_envs.sudoku.task import SudokuTask

MDP = PlanEditMDP(SudokuTask(4))
PUZZLE = np.array([1, 0, 0, 0, 0, 0, 3, 0, 0, 4, 0, 0, 0, 0, 0, 2], np.int8)
GOAL = solve(PUZZLE[None])[0][0]


def test_losses_by_hand():
    logits = torch.zeros(1, 1, 2, 4)
    logits[0, 0, 1, 2] = 2.0
    label = torch.zeros(1, 2, 4, dtype=torch.bool)
    label[0, 0, 3] = label[0, 1, 2] = True
    loss = edit_loss(logits, label)[0, 0]
    assert loss.tolist() == pytest.approx([np.log(4), np.log(3 + np.exp(2)) - 2])
    toggles = edit_loss(torch.tensor([[[[1.0], [-2.0]]]]), torch.tensor([[[True], [True]]]))
    assert toggles[0, 0].tolist() == pytest.approx([np.log1p(np.exp(-1)), np.log1p(np.exp(2))])
    assert depth_weights(3, True).tolist() == pytest.approx([1 / 14, 4 / 14, 9 / 14])
    assert depth_weights(3, False).tolist() == [1.0]


@pytest.mark.parametrize("solved_cell_weight", [0.3, 1.0])
def test_locked_cells_have_no_weight_and_solved_ones_their_own(solved_cell_weight):
    plan = PUZZLE.copy()
    plan[1] = GOAL[1]
    sample = Sample(PlanStates(PUZZLE[None], plan[None], np.array([9], np.int32)), GOAL[None])
    weights = cell_weights(MDP, sample, solved_cell_weight)[0]
    assert float(weights.sum()) == pytest.approx(1.0)
    assert (weights[torch.from_numpy(PUZZLE > 0)] == 0).all()
    assert float(weights[1] / weights[2]) == pytest.approx(solved_cell_weight)


def test_a_network_learns_what_it_is_shown():
    """Fitting the states of one solved puzzle finds its edits: the loss and its gradient point the right way."""
    torch.manual_seed(0)
    net = plan_decoder(MDP, width=8, unroll=4)
    optimizer = torch.optim.Adam(net.parameters(), 2e-2)
    states = MDP.initial(PUZZLE[None])
    seen, label = tensors(states), torch.from_numpy(edit_labels(MDP.task, states.plans, GOAL[None]))
    for _ in range(150):
        loss = edit_loss(net.logits(net.run(seen).latents, seen), label).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = net.probabilities(net.last(seen)[None], seen)[0, 0]
    assert torch.equal(found.argmax(1), torch.as_tensor(GOAL.astype(np.int64) - 1))


def settings(low=2, high=5, gradient=5, **changes):
    usual = FitSettings(
        batch_size=2,
        train_unroll=TrainUnroll(low, high, gradient),
        solved_cell_weight=1.0,
        deep_supervision=True,
        ema_decay=0.9,
        max_grad_norm=1.0,
    )
    return usual._replace(**changes)


def one_solved():
    memory = HindsightMemory(MDP, 1, 10)
    memory.keep(PUZZLE, PUZZLE[None], GOAL[None])
    return memory


@pytest.mark.parametrize(("gradient", "last"), [(5, {2, 3, 4, 5}), (2, {2})])
def test_training_depths_are_drawn_from_their_range(monkeypatch, gradient, last):
    policy = token_policy(MDP, unroll=3)
    ran, run = [], policy.network.run

    def counting(observation, latent=None, unroll=None, kept=None):
        ran.append((unroll, torch.is_grad_enabled()))
        return run(observation, latent, unroll, kept)

    monkeypatch.setattr(policy.network, "run", counting)
    drawn = set()
    for seed in range(60):
        ran.clear()
        fit(policy, one_solved(), 1, 0, settings(gradient=gradient), np.random.default_rng(seed))
        drawn.add(sum(steps for steps, _ in ran))
        assert ran[-1][1] and ran[-1][0] in last
        assert len(ran) == 1 or ran[0][1] is False
    assert drawn == {2, 3, 4, 5}


def test_gradients_flow_through_the_last_steps_alone():
    """Against the whole unroll with its latent cut off by hand where gradients are to begin."""
    policy, by_hand = token_policy(MDP, unroll=5), token_policy(MDP, unroll=5)
    by_hand.load_state_dict(policy.state_dict())
    for one in (policy, by_hand):
        one.optimizer = torch.optim.SGD(one.network.parameters(), 1.0)
    chosen = settings(5, 5, 2, max_grad_norm=1e9)
    fit(policy, one_solved(), 1, 0, chosen, np.random.default_rng(3))

    sample = one_solved().sample(2, np.random.default_rng(3))
    seen, network = tensors(sample.states), by_hand.network
    logits = network.logits(network.run(seen, network.run(seen, None, 3).latents[-1].detach(), 2).latents, seen)
    label = torch.from_numpy(edit_labels(MDP.task, sample.states.plans, sample.goals))
    losses = (edit_loss(logits, label) * cell_weights(MDP, sample, 1.0)).sum((1, 2))
    (depth_weights(2, True) @ losses).backward()
    by_hand.optimizer.step()
    for one, other in zip(policy.network.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_the_deployed_weights_are_a_plain_mean_at_first_and_then_decay(monkeypatch):
    policy, decays = token_policy(MDP), []
    monkeypatch.setattr(policy, "average", decays.append)
    fit(policy, one_solved(), 3, 0, settings(ema_decay=0.6), np.random.default_rng(0))
    fit(policy, one_solved(), 1, 3, settings(ema_decay=0.6), np.random.default_rng(0))
    assert decays == pytest.approx([0.0, 0.5, 0.6, 0.6])


def test_carried_latents_come_from_earlier_plans():
    """Half of the states come from themselves; of the others' cells all or none or some are as in the beginning."""
    mdp = PlanEditMDP(SudokuTask(4), max_edits=20)
    count, left = 2_000, 3
    states = PlanStates(np.tile(PUZZLE, (count, 1)), np.tile(GOAL, (count, 1)), np.full(count, left, np.int32))
    before = earlier(mdp, states, np.random.default_rng(0))
    first = mdp.task.initial_plans(states.instances)
    undone = before.plans != states.plans
    assert np.array_equal(np.where(undone, first, states.plans), before.plans)
    assert np.array_equal(before.remaining_edits, left + undone.sum(1)) and before.remaining_edits.dtype == np.int32
    # Of k blanks none is undone where the state is its own origin, or by chance: 1/2 + 1/2 int (1 - u)^k du.
    blanks = int((PUZZLE == 0).sum())
    shares = np.bincount(undone.sum(1), minlength=blanks + 1) / count
    expected = [0.5 / (blanks + 1)] * (blanks + 1)
    assert shares == pytest.approx(np.array(expected) + np.eye(blanks + 1)[0] / 2, abs=0.04)
    full = earlier(mdp, states._replace(remaining_edits=np.full(count, 20, np.int32)), np.random.default_rng(0))
    assert (full.remaining_edits == 20).all()


@pytest.mark.parametrize("carry_unroll", [None, 2])
def test_training_states_of_a_policy_that_carries_start_from_another_plans_latent(carry_unroll, monkeypatch):
    policy = token_policy(MDP, unroll=3, carry_unroll=carry_unroll)
    seen, run = [], policy.network.run

    def watching(observation, latent=None, unroll=None, kept=None):
        seen.append(observation["plan"].numpy().copy())
        return run(observation, latent, unroll, kept)

    monkeypatch.setattr(policy.network, "run", watching)
    monkeypatch.setattr(carrying, "earlier", lambda mdp, states, rng: states._replace(plans=0 * states.plans))
    fit(policy, one_solved(), 1, 0, settings(5, 5, 2), np.random.default_rng(0))
    before, now = seen
    assert np.array_equal(now, np.tile(PUZZLE, (2, 1)))
    assert (before == (now if carry_unroll is None else 0)).all()


class Counts(BaseCallback):
    """Legal actions of the states acted in while the checker advises, and episodes that end."""

    def __init__(self, checker_steps):
        super().__init__()
        self.checker_steps, self.legal, self.ends = checker_steps, 0, 0

    def _on_step(self):
        if self.num_timesteps <= self.checker_steps:
            acted_on = {k: torch.as_tensor(v) for k, v in self.locals["observation"].items()}
            self.legal += int(self.model.policy.action_mask(acted_on).sum())
        self.ends += int(self.locals["dones"].sum())
        return True


def test_counts_are_exact():
    """The checker's advice enumerates every legal action; an episode's end asks the model as well."""
    model, counts = hindsight_trm(checker_steps=48), Counts(48)
    model.learn(64, callback=counts)
    assert model.model_queries == counts.legal + counts.ends > counts.legal > 0
    # 0.75 states trained on for each of 32 collected, in batches of 16, rounded: 2 steps an iteration.
    assert model.gradient_steps_done == 2 * 2
    assert model.checker_weight == 0.0


def test_plans_that_a_search_judges_count_as_queries():
    model = hindsight_trm(sudoku(blanks="minimal"), checker_steps=0, search=Search(instances=2, calls=5))
    counts, searched, search = Counts(0), 0, model.memory.search

    def counted(proposer, settings):
        nonlocal searched
        assert settings == Search(instances=2, calls=5)
        before = model.memory.queries
        share = search(proposer, settings)
        searched += model.memory.queries - before
        return share

    model.memory.search = counted
    model.learn(160, callback=counts)
    assert model.model_queries == counts.ends + searched and min(counts.ends, searched) > 0


def test_the_checkers_weight_falls_linearly():
    model = hindsight_trm(checker_steps=128)
    assert model.checker_weight == 1.0
    assert model.learn(32).checker_weight == 0.75
    assert hindsight_trm(checker_steps=0).checker_weight == 0.0


def test_nothing_is_learned_before_the_buffer_has_its_least_size():
    model = hindsight_trm(min_buffer_size=10_000).learn(64)
    assert model.gradient_steps_done == 0 < model.memory.size < 10_000


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"gamma": 0.9}, r"gamma=0\.9 is not the environment's shaping discount 0\.99: pass the same to both"),
        ({"unroll": 0}, "unroll must be at least 1, got 0"),
        ({"n_steps": 0}, "n_steps must be at least 1, got 0"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"min_buffer_size": 0}, "min_buffer_size must be at least 1, got 0"),
        ({"min_buffer_size": 9, "buffer_size": 8}, "min_buffer_size=9 must be at most buffer_size=8"),
        ({"beta": 0.0}, "beta must be positive, got 0.0"),
        ({"train_ratio": -1.0}, "train_ratio must be positive, got -1.0"),
        ({"solved_cell_weight": 0.0}, "solved_cell_weight must be positive, got 0.0"),
        ({"checker_steps": -1}, "checker_steps must not be negative, got -1"),
        ({"ema_decay": 1.0}, r"ema_decay must be within \[0, 1\), got 1\.0"),
        ({"carry_unroll": 0}, "carry_unroll must be at least 1, got 0, or None"),
        ({"train_unroll": (3, 2, 1)}, r"train_unroll must be \(low, high, gradient\), .*, got \[3, 2, 1\]"),
        ({"train_unroll": (0, 2, 1)}, r"train_unroll must be .*, got \[0, 2, 1\]"),
        ({"train_unroll": (1, 2, 0)}, r"train_unroll must be .*, got \[1, 2, 0\]"),
        ({"train_unroll": [1, 2]}, r"train_unroll must be .*, got \[1, 2\]"),
        ({"policy_kwargs": {"radius": -1.0}}, "radius must be positive or None, got -1.0"),
    ],
)
def test_bad_hyperparameters_are_named(kwargs, message):
    with pytest.raises(ValueError, match=message):
        hindsight_trm(**kwargs)


def test_other_environments_and_policies_are_refused():
    with pytest.raises(ValueError, match="TokenPolicy needs a plan-edit environment"):
        HindsightTRM("TokenPolicy", "CartPole-v1", device="cpu")
    with pytest.raises(ValueError, match="TRMPolicy unknown"):
        HindsightTRM("TRMPolicy", sudoku())


def test_learns_easy_sudoku():
    model = HindsightTRM(
        "TokenPolicy", sudoku(n_envs=16), learning_rate=4e-3, n_steps=8, batch_size=32, min_buffer_size=100, seed=0,
        checker_steps=1_000, device="cpu",
    )  # fmt: skip
    model.learn(3_000)
    mdp, source = sudoku_problem(4, split="validation", blanks=(1, 4))
    states, solved = mdp.initial(source.instances[:100]), np.zeros(100, bool)
    for _ in range(8):
        probabilities = model.policy.action_probabilities(tensors(states))
        transition = mdp.transition(states, model.policy.greedy(probabilities).numpy())
        solved |= transition.checks.solved
        states = transition.successors
    assert solved.mean() > 0.9
