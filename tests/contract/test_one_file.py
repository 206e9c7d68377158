"""The page `examples/hindsight_in_one_file.py` is HindsightTRM: what the package computes, it computes."""

import ast
import copy
import importlib.util
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode

from trm_agents import HindsightTRM
from trm_agents.common.policy import as_tensors
from trm_agents.common.rollout import Rollout
from trm_agents.hindsight.fitting import FitSettings, TrainUnroll, fit
from trm_agents.hindsight.memory import HindsightMemory, Sample
from trm_envs.plan_edit.mdp import PlanStates
from trm_envs.plan_edit.spaces import observe, states_of

PATH = Path(__file__).parents[2] / "examples" / "hindsight_in_one_file.py"
ID = "SudokuPlanEdit-4x4-v0"
SOLVED = np.array([1, 2, 3, 4, 3, 4, 1, 2, 2, 1, 4, 3, 4, 3, 2, 1], np.int8)
# 1 and 2 may change places in rows 0 and 2, and so may 3 and 4: where these rows are blank, four plans are solved.
OTHER = np.array([2, 1, 3, 4, 3, 4, 1, 2, 1, 2, 4, 3, 4, 3, 2, 1], np.int8)
AMBIGUOUS = np.where(np.arange(16) // 4 % 2 == 0, 0, SOLVED).astype(np.int8)
# Its weights, by their names in the package.
NAMES = {
    "category": "encoder.category",
    "remaining": "encoder.remaining",
    "own": "core.own",
    "maps": "core.maps",
    "out": "core.out",
    "bias": "core.bias",
    "readout": "weight",
}
SETTINGS = {"unroll": 4, "gradient_unroll": 4, "solved_cell_weight": 0.3, "ema_decay": 0.6}


def load():
    spec = importlib.util.spec_from_file_location(PATH.stem, PATH)
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up.
    sys.modules[PATH.stem] = module
    spec.loader.exec_module(module)
    return module


page = load()


def vector_env(num_envs=8, **kwargs):
    return gym.make_vec(ID, num_envs, autoreset_mode=AutoresetMode.SAME_STEP, **kwargs)


@pytest.fixture
def agents():
    """A policy of the package with random weights everywhere, and the page's network with the same ones."""
    model = HindsightTRM(
        "TokenPolicy",
        vector_env(),
        learning_rate=4e-3,
        policy_kwargs={"width": 8, "optimizer_kwargs": {"weight_decay": 1.0}},
        seed=0,
        device="cpu",
    )
    policy = model.policy
    torch.manual_seed(1)
    with torch.no_grad():
        for name in ("encoder.remaining", "core.bias", "weight"):
            policy.network.get_parameter(name).normal_()
    policy.averaged.load_state_dict(policy.network.state_dict())
    network = page.TinyRecursiveModel(policy.mdp, 8)
    with torch.no_grad():
        for own, theirs in NAMES.items():
            network.get_parameter(own).copy_(policy.network.get_parameter(theirs))
    return policy, network


def batches(mdp, count=3):
    """Plans with right and wrong digits, each with a solved plan."""
    rng = np.random.default_rng(2)
    for _ in range(count):
        instances = np.where(rng.random((24, 16)) < 0.5, SOLVED, 0).astype(np.int8)
        goals = np.repeat(SOLVED[None], 24, axis=0)
        filled = np.where(rng.random((24, 16)) < 0.5, goals, rng.integers(0, 5, (24, 16)))
        plans = np.where(instances > 0, instances, filled).astype(np.int8)
        yield Sample(PlanStates(instances, plans, rng.integers(1, mdp.max_edits + 1, 24).astype(np.int32)), goals)


class Queue:
    """In place of a memory: these batches, one after the other."""

    def __init__(self, samples):
        self.samples = list(samples)

    def sample(self, count, rng):
        return self.samples.pop(0)


def fitted(policy, samples, unroll, max_grad_norm, steps_before=0):
    settings = FitSettings(24, TrainUnroll(unroll, unroll, 4), 0.3, True, 0.6, max_grad_norm)
    rng = np.random.default_rng(0)
    return fit(policy, Queue(samples), len(samples), steps_before, settings, rng).loss


def assert_same(network, theirs, what=lambda weight: weight, **tolerances):
    for own, name in NAMES.items():
        one, other = what(network.get_parameter(own)), what(theirs.get_parameter(name))
        torch.testing.assert_close(one, other, msg=lambda said, own=own: f"{own}: {said}", **tolerances)


# Shallower than what gradients flow through, and deeper.
@pytest.mark.parametrize("unroll", [3, 6])
def test_loss_and_gradients_are_those_of_the_package(agents, unroll):
    policy, network = agents
    sample = next(batches(policy.mdp))
    loss = page.loss_of(policy.mdp, network, *sample, unroll, page.Settings(**SETTINGS))
    loss.backward()
    assert fitted(policy, [sample], unroll, max_grad_norm=1e9) == pytest.approx(loss.item(), rel=1e-5)
    assert_same(network, policy.network, lambda weight: weight.grad, rtol=1e-3, atol=1e-5)
    assert all(weight.grad.norm() > 1e-3 for weight in network.parameters())


def test_weights_and_their_average_after_gradient_steps_are_those_of_the_package(agents):
    policy, network = agents
    averaged, first = copy.deepcopy(network), network.readout.detach().clone()
    optimizer = torch.optim.AdamW(network.parameters(), lr=4e-3, weight_decay=1.0)
    samples = list(batches(policy.mdp))
    for number, sample in enumerate(samples):
        loss = page.loss_of(policy.mdp, network, *sample, 6, page.Settings(**SETTINGS))
        page.gradient_step(loss, network, averaged, optimizer, number, 0.6)
    fitted(policy, samples, unroll=6, max_grad_norm=1.0)
    assert_same(network, policy.network, rtol=0, atol=2e-5)
    assert_same(averaged, policy.averaged, rtol=0, atol=2e-5)
    assert (network.readout - first).abs().max() > 1e-3
    assert (network.readout - averaged.readout).abs().max() > 1e-3


def test_the_policies_that_play_and_that_are_deployed_are_those_of_the_package(agents):
    policy, network = agents
    states = next(batches(policy.mdp)).states
    observation = as_tensors(dict(observe(states)), policy.device)
    settings = page.Settings(**SETTINGS)
    with torch.no_grad():
        deployed = page.policy(policy.mdp, page.gains(policy.mdp, network, states, 4), states, settings.beta)
        torch.testing.assert_close(deployed, policy.action_probabilities(observation), rtol=0, atol=1e-5)
        for weight in (0.0, 0.01, 1.0):
            playing = page.collecting_policy(policy.mdp, network, states, weight, settings)
            expected = policy.behaviour(observation, weight).probabilities
            torch.testing.assert_close(playing, expected, rtol=0, atol=1e-4)
    assert (deployed - playing).abs().max() > 0.1


class InOrder:
    """In place of a generator that shuffles the plans of a failed episode: it leaves them in order."""

    permutation = staticmethod(np.arange)


def mostly_right(states, rng):
    """Edits of cells that differ from one of two solved plans, and sometimes a wrong digit."""
    goals = np.stack([SOLVED, OTHER])[rng.integers(2, size=len(states.plans))]
    digits = np.where(rng.random(goals.shape) < 0.9, goals, rng.integers(1, 5, goals.shape))
    wrong = (states.plans != goals) & (states.instances == 0)
    cells = (wrong + rng.random(wrong.shape)).argmax(1)
    return cells * 4 + digits[np.arange(len(cells)), cells] - 1


def play(env, steps, seed=0):
    """The page's memory and the package's, fed with the same episodes, and which of these were solved."""
    rng, states = np.random.default_rng(seed), states_of(env.reset(seed=seed)[0])
    memory, rollout = page.Memory(env.mdp), Rollout(steps, env.num_envs)
    trails, outcomes = [[] for _ in range(env.num_envs)], []
    for _ in range(steps):
        actions, seen = mostly_right(states, rng), dict(observe(states))
        for trail, plan in zip(trails, states.plans, strict=True):
            trail.append(plan)
        observation, rewards, ended, _, info = env.step(actions)
        rollout.add(seen, actions, rewards, ended, np.zeros_like(ended), np.zeros(env.num_envs))
        for i in np.flatnonzero(ended).tolist():
            last = info["final_obs"][i]
            outcomes.append(bool(info["final_info"]["is_success"][i]))
            memory.file(last["instance"], trails[i], last["plan"], outcomes[-1])
            trails[i] = []
        states = states_of(observation)
    theirs = HindsightMemory(env.mdp, env.num_envs, 2_000)
    theirs.add(rollout, InOrder())
    return memory, theirs, outcomes


def test_the_memory_keeps_and_labels_what_that_of_the_package_does():
    puzzles = np.stack([np.where(np.arange(16) == spared, 0, AMBIGUOUS) for spared in (0, 4, 15)]).astype(np.int8)
    memory, theirs, outcomes = play(vector_env(4, puzzles=puzzles, max_edits=12), steps=150)
    # Failed episodes waited for others, and labels had to be chosen.
    assert 0.2 < np.mean(outcomes) < 0.8
    assert max(map(len, memory.goals.values())) > 1
    states, goals = memory.sample(500, np.random.default_rng(3))
    expected = theirs.sample(500, np.random.default_rng(3))
    assert len(memory.kept) == theirs.size
    np.testing.assert_array_equal(goals, expected.goals)
    for one, other in zip(states, expected.states, strict=True):
        np.testing.assert_array_equal(one, other)


def test_it_learns_to_solve_puzzles_that_it_was_not_trained_on(capsys):
    untrained = page.main(["--steps", "20", "--num-envs", "20"])
    assert page.main(["--steps", "2500", "--num-envs", "25", "--min-buffer-size", "200"]) > max(untrained, 0.5)
    assert "HindsightTRM solved" in capsys.readouterr().out


def test_it_needs_nothing_of_the_package():
    imports = [node for node in ast.walk(ast.parse(PATH.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {getattr(node, "module", None) or node.names[0].name for node in imports}
    assert not any(name.startswith(("trm_agents", "baselines", "benchmarks")) for name in names)
