"""Committees: several repair networks asked together."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.env_util import make_vec_env

from trm_agents import UPITRM
from trm_agents.hindsight.memory import HindsightMemory
from trm_agents.hindsight.policies import RepairPolicy
from trm_agents.solving import policy_proposer, search
from trm_agents.theory.reading import Reader
from trm_envs.plan_edit.spaces import observation_space, observe
from trm_envs.sudoku.env import sudoku_problem

MEMBERS = 3


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
        expected = policy._policy(policy._gains(hits, policy._states(one)), policy._choices(policy._states(one)))
        assert torch.allclose(behaviour[row], expected[0], atol=1e-6)


def test_value_by_depth_ends_at_the_value(mdp):
    policy, states = policy_of(mdp, unroll=4), states_of_some(mdp)
    phi = torch.as_tensor(mdp.check(states).score, dtype=torch.float32)
    by_depth = policy.values_by_depth(seen_by(states), phi, 4)
    assert by_depth.shape == (4, 8) and torch.allclose(by_depth[-1], policy.values(seen_by(states), phi))
    depths = Reader(policy, mdp)
    assert depths.exact.evaluator.run(depths.exact.inputs(seen_by(states)), None, 2).latents.shape[:3] == (2, 8, 3)


def committee_agent(n_envs=3, blanks=(1, 4), **settings):
    common = {"n_steps": 8, "batch_size": 16, "learning_starts": 10, "unroll": 2, "replay_ratio": 2.0, "seed": 0}
    env = make_vec_env("SudokuPlanEdit-4x4-v0", n_envs, env_kwargs={"blanks": blanks}, seed=0)
    kwargs = {"width": 8, "members": 2}
    return UPITRM("TRMPolicy", env, target="hindsight", policy_kwargs=kwargs, device="cpu", **{**common, **settings})


def test_members_learn_apart_from_what_they_solve(monkeypatch):
    drawn, sample = [], HindsightMemory.sample

    def watching(memory, count, rng):
        drawn.append(memory)
        return sample(memory, count, rng)

    monkeypatch.setattr(HindsightMemory, "sample", watching)
    model = committee_agent()
    first = [network.core.own.detach().clone() for network in model.policy.network.members]
    assert not torch.equal(*first)
    model.learn(480)
    for before, network in zip(first, model.policy.network.members, strict=True):
        assert not torch.equal(before, network.core.own)
    one, other = model.memories
    assert one.envs.tolist() == [0, 2] and other.envs.tolist() == [1] and one.size > other.size > 0
    assert all(memory is (one, other)[i % 2] for i, memory in enumerate(drawn))
    # Of 24 steps an iteration each network has 12 to learn from, twice, by 16.
    assert len(drawn) == model.gradient_steps_done == model._n_updates and len(drawn) % 4 == 0 and drawn


def test_members_search_alone_for_what_they_fail_at(monkeypatch):
    asked, hit_probabilities, plan = [], RepairPolicy.hit_probabilities, HindsightMemory.plan
    searches = []

    def watching(policy, observation, latent=None, member=None):
        if searching:
            asked.append(member)
        return hit_probabilities(policy, observation, latent, member)

    def planning(memory, proposer, instances, *args):
        searches.append((memory, instances))
        searching.append(True)
        found = plan(memory, proposer, instances, *args)
        searching.clear()
        return found

    searching = []
    monkeypatch.setattr(RepairPolicy, "hit_probabilities", watching)
    monkeypatch.setattr(HindsightMemory, "plan", planning)
    model = committee_agent(blanks=(6, 8), prior=0.0, search_instances=3, search_budget=5)
    model.learn(240)
    assert set(asked) == {0, 1}
    assert searches == [(model.memories[0], 2), (model.memories[1], 1)] * 10


def test_every_member_needs_an_environment():
    with pytest.raises(ValueError, match=r"2 members .* got n_envs=1: .*n_envs=2"):
        committee_agent(n_envs=1).learn(8)


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
