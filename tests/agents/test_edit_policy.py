"""UPITRM on the values of all edits: its policy, its loss, its loop."""

from __future__ import annotations

from io import BytesIO
from math import log

import numpy as np
import pytest
import torch
from agent_helpers import ID, agent, assert_same_weights, puzzle, sudoku, tensors, upi_trm, weights
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

from trm_agents import UPITRM, Attempts, BestFirst, Distilled, Exact, KStep, SafeStep, Survival
from trm_agents.survival import backup
from trm_agents.upi_trm.edit_learning import constraint_loss
from trm_agents.upi_trm.experience import unfinished
from trm_envs.plan_edit.mdp import PlanStates

SURVIVAL = {"target": Survival(warm_up=0.0), "unroll": 3, "policy_kwargs": {"width": 8}}

QUICK = {
    "learning_rate": 4e-3,
    "n_steps": 5,
    "batch_size": 16,
    "n_epochs": 1,
    "target": Survival(),
    "seed": 0,
    "device": "cpu",
}
"""Of a short run that learns."""


def steep(mixture=None):
    """A model whose values tell edits apart."""
    model = upi_trm(mixture=mixture, **SURVIVAL)
    torch.manual_seed(1)
    torch.nn.init.normal_(model.policy.network.weight)
    model.policy.averaged.load_state_dict(model.policy.network.state_dict())
    return model


def states(*plans):
    instances = np.stack([puzzle(0, 1, 5, 10, 15)] * len(plans))
    return PlanStates(instances, np.stack(plans), np.full(len(plans), 9, np.int32))


def test_a_fresh_network_believes_every_edit_alive():
    w = upi_trm(**SURVIVAL).policy.edit_values(states(puzzle(0, 1, 5, 10, 15)))
    np.testing.assert_allclose(w, 1.0 / (1.0 + np.exp(-2.0)), rtol=1e-6)


def test_values_do_not_depend_on_the_edits_that_are_left():
    model = steep().learn(256)
    early = states(puzzle(0, 1, 5, 10, 15))
    late = early._replace(remaining_edits=np.array([1], np.int32))
    np.testing.assert_array_equal(model.policy.edit_values(early), model.policy.edit_values(late))


@pytest.mark.parametrize("mixture", [None, Exact(0.3, capacity=3)])
def test_blanks_alone_are_written_into_and_advantages_are_centred(mixture):
    model = steep(mixture).learn(64)
    seen = states(puzzle(0, 1, 5, 10, 15), puzzle(1, 5))
    policy = model.policy.action_probabilities(tensors(seen))
    blank = np.repeat(seen.plans == 0, 4, axis=1)
    assert ((policy.numpy() > 0) <= blank).all()
    np.testing.assert_allclose(policy.sum(1), 1.0, rtol=1e-5)
    advantages = model.policy.advantages(tensors(seen), policy)
    np.testing.assert_allclose((policy * advantages).sum(1), 0.0, atol=1e-6)
    assert float(advantages.abs().max()) > 0.0


def test_where_nothing_is_blank_whatever_changes_the_plan_is_allowed():
    full = puzzle()
    full[0] = 2
    allowed = steep().policy.choices(states(full)).reshape(16, 4)
    assert allowed[0].tolist() == [True, False, True, True]
    assert not allowed[2].any(), "a given"


def test_a_search_is_told_roots_of_survivals_and_the_value_of_the_plan():
    policy = steep().policy
    seen = states(puzzle(0, 1, 5, 10, 15), puzzle(1, 5))
    w, of = policy.edit_values(seen), backup.status(seen.plans, policy.cover)
    proposal = policy.proposal(policy.latents(tensors(seen)), tensors(seen))
    roots = w.reshape(2, 16, 4) ** 0.125
    np.testing.assert_allclose(proposal.probabilities, roots / roots.sum(2, keepdims=True), rtol=1e-5)
    value = backup.state_value(backup.sums(w, of, policy.cover), of)
    np.testing.assert_allclose(proposal.alive, value**3, rtol=1e-5)
    assert proposal.alive.min() < 1.0


def test_the_value_of_a_state_is_read_from_its_constraints():
    model = steep()
    seen = states(puzzle(0, 1, 5, 10, 15))
    of = backup.status(seen.plans, model.policy.cover)
    w = model.policy.edit_values(seen)
    v = backup.state_value(backup.sums(w, of, model.policy.cover), of)[0]
    value = model.policy.values(tensors(seen), torch.tensor([2.0]))
    assert float(value) == pytest.approx(0.99**4 * v - 2.0, rel=1e-5)


def test_the_constraint_loss_by_hand():
    w = torch.tensor([[[0.5, 0.25, 0.9]]])
    options = torch.tensor([[0, 1], [2, -1], [0, 2]])
    needed, legal = torch.tensor([[1.0, 1.0, 1.0]]), torch.tensor([[1.0, 1.0, 0.0]])
    loss = constraint_loss(torch.logit(w), legal, needed, options)
    # 0.5 + 0.25; nothing legal, cut off at 1e-4; 0.5.
    assert loss.tolist() == pytest.approx([-(log(0.75) + log(1e-4) + log(0.5)) / 3], rel=1e-5)
    assert float(constraint_loss(torch.logit(w), legal, 0 * needed, options)) == 0.0


def test_states_without_a_blank_or_without_hope_are_not_trained_on():
    broken = puzzle(0, 5)
    broken[0] = broken[1]
    model = upi_trm(**SURVIVAL)
    given = states(puzzle(0, 5), puzzle(), broken)
    assert unfinished(given.plans, model.policy.cover).tolist() == [0]


def test_a_short_run_solves_held_out_puzzles_and_solvers_take_it():
    env = sudoku(n_envs=16, blanks=(6, 8))
    model = UPITRM("EditPolicy", env, unroll=6, train_unroll=(3, 6, 6), **QUICK)
    held_out = sudoku(n_envs=8, blanks=(6, 8), split="test")
    before = evaluate_policy(model, held_out, n_eval_episodes=40, warn=False)[0]
    model.learn(3_000)
    after = evaluate_policy(model, held_out, n_eval_episodes=40, warn=False)[0]
    assert after > before
    assert float(np.mean(model.ep_success_buffer)) > 0.7
    assert model.model_queries > 1_000
    instances = held_out.reset()["instance"].astype(np.int8)
    assert Attempts(model, 3).solve(instances).solved.mean() > 0.7
    assert BestFirst(model, 20).solve(instances).solved.all()


def test_digits_that_cannot_be_taken_back_are_learned_to_be_placed():
    env, held_out = (
        make_vec_env(
            "trm_envs:SudokuPlace-4x4-v0",
            n_envs,
            seed=seed,
            env_kwargs={"legal_actions": "givens", "blanks": "minimal", "split": split},
        )
        for seed, (n_envs, split) in enumerate(((16, "train"), (8, "test")))
    )
    model = UPITRM("EditPolicy", env, **QUICK).learn(2_500)
    # A wrong digit of the eleven or so fails an episode, which returns below 0 then, and above 1 otherwise.
    returns, _ = evaluate_policy(model, held_out, n_eval_episodes=40, warn=False, return_episode_rewards=True)
    assert np.mean(np.array(returns) > 1) > 0.9


def test_survival_needs_no_shaping():
    shaped, sparse = (
        upi_trm(sudoku(shaping=shaping), gamma=gamma, **SURVIVAL).learn(64)
        for shaping, gamma in ((True, 0.99), (False, 0.9))
    )
    assert_same_weights(weights(shaped), weights(sparse))


def test_until_warm_no_successor_is_asked_about():
    quiet = upi_trm(**{**SURVIVAL, "target": Survival(warm_up=1.0)}).learn(64)
    # The last edits of episodes alone are taken once more.
    assert 4 <= quiet.model_queries <= 16
    assert upi_trm(**SURVIVAL).learn(64).model_queries > 64


def test_the_network_that_is_deployed_follows_the_one_that_is_trained():
    model = agent("survival").learn(64)
    own = weights(model)
    latest = [name for name in own if name.startswith("network.")]
    assert any(not torch.equal(own[name], own[name.replace("network.", "averaged.")]) for name in latest)


@pytest.mark.parametrize(
    ("policy", "kwargs", "message"),
    [
        ("EditPolicy", {}, r"EditPolicy needs target=Survival\(\) or another of all edits, got KStep"),
        ("TRMPolicy", {"target": Survival()}, "TRMPolicy needs target=KStep"),
        ("TRMPolicy", {"train_unroll": (1, 2, 1)}, "trains at depth `unroll`"),
        ("EditPolicy", {"target": Survival(), "mixture": Distilled(0.5)}, "needs mixture=None or Exact"),
        ("EditPolicy", {"target": Survival(), "mixture": Exact(SafeStep())}, "needs mixture=None or Exact"),
        ("EditPolicy", {"target": Survival(), "checker_weight": 0.5}, "takes no checker's word"),
        ("EditPolicy", {"target": Survival(), "ema_decay": 1.0}, r"ema_decay must be within \[0, 1\)"),
        ("EditPolicy", {"target": Survival(), "train_unroll": (3, 2, 1)}, "train_unroll must be"),
    ],
)
def test_combinations_that_make_no_sense_are_refused(policy, kwargs, message):
    with pytest.raises(ValueError, match=message):
        UPITRM(policy, sudoku(), device="cpu", **kwargs)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"horizon": 0}, "horizon must be at least 1, got 0"),
        ({"horizon": 2.5}, "horizon must be a whole number .*, got 2.5"),
        ({"vf_coef": -1.0}, "vf_coef must not be negative, got -1.0"),
    ],
)
def test_k_step_targets_refuse_bad_numbers(kwargs, message):
    with pytest.raises(ValueError, match=message):
        KStep(**kwargs)


def test_a_task_without_a_cover_is_refused():
    with pytest.raises(ValueError, match="MazeTask declares none"):
        UPITRM("EditPolicy", "trm_envs:MazePlanEdit-5x5-v0", target=Survival(), device="cpu")
    with pytest.raises(ValueError, match="EditPolicy needs a plan-edit environment"):
        UPITRM("EditPolicy", "CartPole-v1", target=Survival(), device="cpu")


def test_one_of_gymnasiums_ids_is_enough():
    model = UPITRM("EditPolicy", ID, target=Survival(), n_steps=8, device="cpu", seed=0).learn(8)
    assert model.num_timesteps == 8


def test_a_carried_latent_goes_in_and_out_and_is_trained_for():
    model = agent("survival", carry_unroll=2).learn(64)
    seen = states(puzzle(0, 1, 5, 10, 15), puzzle(1, 5))
    observation = {key: value.numpy() for key, value in tensors(seen).items()}
    _, state = model.predict(observation, deterministic=True)
    tensor = torch.as_tensor(state[0])
    torch.testing.assert_close(tensor, model.policy.latents(tensors(seen)))
    _, later = model.predict(observation, state=state, deterministic=True)
    torch.testing.assert_close(torch.as_tensor(later[0]), model.policy.averaged.last(tensors(seen), tensor, 2))
    loaded = UPITRM.load(saved(model), device="cpu")
    assert loaded.policy.carry_unroll == 2
    with pytest.raises(ValueError, match="an exact mixture starts from z_0 = 0, got carry_unroll=2"):
        agent("survival-exact", carry_unroll=2)
    with pytest.raises(ValueError, match="TRMPolicy carries no latent, got carry_unroll=2"):
        upi_trm(carry_unroll=2)


def saved(model):
    file = BytesIO()
    model.save(file)
    file.seek(0)
    return file
