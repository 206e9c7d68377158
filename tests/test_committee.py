"""Committees: several repair networks asked together."""

import numpy as np
import pytest
import torch
from gymnasium import spaces

from trm_agents import UPITRM
from trm_agents.search import policy_proposer, search
from trm_agents.theory.reading import Reader
from trm_agents.upi_trm.hindsight import HindsightMemory
from trm_agents.upi_trm.repair import RepairPolicy
from trm_envs.plan_edit.spaces import observation_space, observe
from trm_envs.sudoku.env import sudoku_problem

MEMBERS = 3


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(name="mdp")
def of_sudoku():
    return sudoku_problem(4)[0]


def states_of_some(mdp, count=8, edits=3):
    rng = np.random.default_rng(0)
    source = sudoku_problem(4)[1]
    states = mdp.initial(np.stack([source.sample(rng) for _ in range(count)]))
    for _ in range(edits):
        actions = np.array([rng.choice(np.flatnonzero(mask)) for mask in mdp.action_mask(states)])
        states = mdp.transition(states, actions).successors
    return states


def seen_by(states):
    return {key: torch.as_tensor(value) for key, value in observe(states).items()}


def policy_of(mdp, **kwargs):
    torch.manual_seed(0)
    space = observation_space(mdp), spaces.Discrete(mdp.n_actions)
    made = RepairPolicy(*space, lambda _: 1e-2, mdp=mdp, width=8, members=MEMBERS, **kwargs)
    for network in made.network.members:
        torch.nn.init.normal_(network.weight)
    made.averaged.load_state_dict(made.network.state_dict())
    return made


def test_probabilities_are_the_mean_of_the_members(mdp):
    policy, seen = policy_of(mdp, unroll=3), seen_by(states_of_some(mdp))
    alone = [network.hits(seen)[0] for network in policy.averaged.members]
    assert len(alone) == MEMBERS and not torch.allclose(alone[0], alone[1], atol=1e-2)
    assert torch.allclose(policy.hit_probabilities(seen), torch.stack(alone).mean(0))


def test_each_member_goes_on_from_its_own_latent(mdp):
    policy = policy_of(mdp, unroll=3, latent="persistent", carried_unroll=2)
    states = states_of_some(mdp)
    first, then = seen_by(states), seen_by(mdp.transition(states, mdp.action_mask(states).argmax(1)).successors)
    _, carried = policy.action_probabilities(first)
    with torch.no_grad():
        together = policy.hit_probabilities(then, carried)
        alone = [member.hits(then, member.hits(first)[1]) for member in policy.averaged.members]
    assert carried.shape[:2] == (8, MEMBERS)
    assert torch.allclose(together, torch.stack([hits for hits, _ in alone]).mean(0))
    # Through SB3's interface: episodes that begin start from zero, members and all.
    actions, state = policy.predict(observe(states), deterministic=True)
    again, _ = policy.predict(observe(states), state, np.ones(8, bool), deterministic=True)
    assert state[0].shape == tuple(carried.shape) and np.array_equal(actions, again)


@pytest.mark.parametrize("count", [1, 2, 8])
def test_one_member_acts_in_each_environment(mdp, count):
    policy = policy_of(mdp)
    states = states_of_some(mdp, count)
    behaviour, _ = policy.behaviour(seen_by(states))
    for row in range(count):
        one = seen_by(states.at(slice(row, row + 1)))
        hits = policy.averaged.members[row % MEMBERS].hits(one)[0]
        expected = policy._policy(
            policy._gains(hits, policy._unchanged(policy._states(one))), policy._choices(policy._states(one))
        )
        assert torch.allclose(behaviour[row], expected[0], atol=1e-6)


def test_value_by_depth_ends_at_the_value(mdp):
    policy, states = policy_of(mdp, unroll=4), states_of_some(mdp)
    phi = torch.as_tensor(mdp.check(states).score, dtype=torch.float32)
    by_depth = policy.values_by_depth(seen_by(states), phi, 4)
    assert by_depth.shape == (4, 8) and torch.allclose(by_depth[-1], policy.values(seen_by(states), phi))
    depths = Reader(policy, mdp)
    assert depths.exact.evaluator.run(depths.exact.inputs(seen_by(states)), None, 2).latents.shape[:3] == (2, 8, 3)


def test_members_learn_from_batches_of_their_own(monkeypatch):
    drawn, sample = [], HindsightMemory.sample

    def watching(memory, count, rng):
        drawn.append(sample(memory, count, rng))
        return drawn[-1]

    monkeypatch.setattr(HindsightMemory, "sample", watching)
    settings = {"n_steps": 8, "batch_size": 16, "learning_starts": 10, "unroll": 2, "replay_ratio": 2.0, "seed": 0}
    kwargs = {"width": 8, "members": 2}
    env = "SudokuPlanEdit-4x4-v0"
    model = UPITRM("TRMPolicy", env, target="hindsight", policy_kwargs=kwargs, device="cpu", **settings)
    first = [network.core.own.detach().clone() for network in model.policy.network.members]
    assert not torch.equal(*first)
    model.learn(160)
    for before, network in zip(first, model.policy.network.members, strict=True):
        assert not torch.equal(before, network.core.own)
    assert len(drawn) == model.gradient_steps_done == model._n_updates > 0
    for one, other in zip(drawn[::2], drawn[1::2], strict=True):
        assert not np.array_equal(one.states.plans, other.states.plans)


def test_a_committee_guides_searches(mdp):
    policy, states = policy_of(mdp), states_of_some(mdp, 4, edits=0)
    found = search(mdp, states.instances, policy_proposer(policy), 2_000)
    assert found.solved.all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"policy_kwargs": {"members": 0}}, "members must be at least 1, got 0"),
        ({"policy_kwargs": {"members": 2}, "contraction": "certified"}, "'certified'.*: leave members at 1"),
        ({"policy_kwargs": {"members": 2}, "contraction": "clamp"}, "'clamp'.*: leave members at 1"),
    ],
)
def test_what_makes_no_committee_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        UPITRM("TRMPolicy", "SudokuPlanEdit-4x4-v0", target="hindsight", device="cpu", **settings)
