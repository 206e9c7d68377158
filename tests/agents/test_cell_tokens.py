"""Cells as tokens: symmetries that tasks declare, states turned by them, and a network that has to learn them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trm_agents import Attention, Cells, CertifiedExactCover, ExactCover, HindsightTRM
from trm_agents.hindsight import fitting
from trm_agents.hindsight.fitting import turned
from trm_agents.hindsight.memory import Sample, edit_labels
from trm_agents.recursion import plan_decoder
from trm_envs.maze.env import maze_problem
from trm_envs.maze.task import MazeTask
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.spaces import observe
from trm_envs.plan_edit.task import PlanTask
from trm_envs.sudoku.env import sudoku_problem
from trm_envs.sudoku.solver import solve
from trm_envs.sudoku.task import SudokuTask

PROBLEMS = {"4x4": sudoku_problem(4), "9x9": sudoku_problem(9), "maze": maze_problem(5)}


def edited(mdp, source, rng, count=6, edits=5):
    states = mdp.initial(np.stack([source.sample(rng) for _ in range(count)]))
    for _ in range(edits):
        actions = np.array([rng.choice(np.flatnonzero(mask)) for mask in mdp.action_mask(states)])
        states = mdp.transition(states, actions).successors
    return states


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(sorted(PROBLEMS)), st.integers(0, 1000))
def test_a_symmetric_state_is_an_equivalent_one(name, seed):
    """Checks, legal edits and what they lead to go along with a declared symmetry."""
    mdp, source = PROBLEMS[name]
    task, rng = mdp.task, np.random.default_rng(seed)
    states = edited(mdp, source, rng)
    symmetry = task.symmetries(6, rng)
    moved = turned(Sample(states, states.plans), symmetry).states
    for before, after in zip(mdp.check(states), mdp.check(moved), strict=True):
        assert np.array_equal(before, after)
    assert np.array_equal(symmetry.apply(task.initial_plans(states.instances)), task.initial_plans(moved.instances))
    masks = mdp.action_mask(states), mdp.action_mask(moved)
    for row in range(6):
        cell_from = symmetry.cells[row]
        for cell in rng.integers(0, task.n_cells, 5):
            symbol = int(rng.integers(task.n_symbols))
            image = int(symmetry.symbols[row, symbol + 1]) - 1 if task.n_symbols > 1 else 0
            there = cell * task.n_symbols + image
            here = cell_from[cell] * task.n_symbols + symbol
            assert masks[0][row, here] == masks[1][row, there]
            if masks[0][row, here]:
                one = mdp.transition(states.at(np.array([row])), np.array([here])).successors.plans
                other = mdp.transition(moved.at(np.array([row])), np.array([there])).successors.plans
                alone = type(symmetry)(symmetry.cells[[row]], symmetry.symbols[[row]])
                assert np.array_equal(alone.apply(one), other)


def test_sudoku_and_mazes_draw_all_they_have():
    rng = np.random.default_rng(0)
    assert len({tuple(cells) for cells in MazeTask(4).symmetries(200, rng).cells.tolist()}) == 8
    drawn = SudokuTask(4).symmetries(3000, rng)
    assert len({tuple(cells) for cells in drawn.cells.tolist()}) == 128
    assert len({tuple(digits) for digits in drawn.symbols.tolist()}) == 24


def test_a_task_that_declares_nothing_draws_the_identity():
    task = SudokuTask(4)
    grids = np.random.default_rng(0).integers(0, 5, (3, 16), np.int8)
    assert np.array_equal(PlanTask.symmetries(task, 3, np.random.default_rng(0)).apply(grids), grids)


def test_labels_of_a_turned_sample_are_turned():
    rng = np.random.default_rng(1)
    mdp, source = PROBLEMS["4x4"]
    states = edited(mdp, source, rng)
    goals = solve(states.instances)[0]
    sample = turned(Sample(states, goals), mdp.task.symmetries(6, rng))
    assert mdp.task.check(sample.states.instances, sample.goals).solved.all()
    labels = [edit_labels(mdp.task, s.states.plans, s.goals) for s in (Sample(states, goals), sample)]
    assert np.array_equal(labels[0].sum((1, 2)), labels[1].sum((1, 2)))


@pytest.mark.parametrize("name", PROBLEMS)
def test_compiled_network_of_cells_is_that_of_pytorch(name):
    mdp, source = PROBLEMS[name]
    torch.manual_seed(0)
    net = plan_decoder(mdp, width=8, unroll=3, core=Cells())
    for parameter in (net.weight, net.bias, net.encoder.remaining):
        torch.nn.init.normal_(parameter)
    seen = {k: torch.as_tensor(v) for k, v in observe(edited(mdp, source, np.random.default_rng(0))).items()}
    logits = net.logits(net.run(seen, kept=2).latents, seen)
    assert logits.shape == (2, 6, mdp.task.n_cells, mdp.task.n_symbols)
    weight = torch.randn_like(logits)
    (logits * weight).sum().backward()
    compiled = {key: parameter.grad.clone() for key, parameter in net.named_parameters()}
    net.zero_grad()
    exact = net.double().logits(net.run(seen, kept=2).latents, seen)
    (exact * weight.double()).sum().backward()
    assert torch.allclose(logits.double(), exact, rtol=1e-4, atol=1e-4 * float(exact.detach().abs().max()))
    for key, parameter in net.named_parameters():
        assert (parameter.grad - compiled[key]).norm() < 1e-4 * parameter.grad.norm() + 1e-9, key


def test_more_categories_than_a_byte_would_hold():
    mdp = PlanEditMDP(SudokuTask(16))
    net = plan_decoder(mdp, width=4, unroll=2, core=Cells())
    plans = torch.full((1, 256), 16, dtype=torch.int8)
    seen = {"instance": plans, "plan": plans, "remaining_edits": torch.tensor([[3]])}
    assert net.encoder(seen).types.unique().tolist() == [16 * 17 + 16]
    assert torch.allclose(net.probabilities(net.last(seen)[None], seen)[0], torch.full((1, 256, 16), 1 / 16))


def model_of(**kwargs):
    return HindsightTRM(
        "TokenPolicy",
        "trm_envs:SudokuPlanEdit-4x4-v0",
        n_steps=64,
        min_buffer_size=1,
        unroll=3,
        seed=0,
        device="cpu",
        policy_kwargs={"width": 8, **kwargs},
    )


def test_policy_keyword_learns_saves_and_loads(tmp_path):
    model = model_of(core=Cells()).learn(128)
    assert model.gradient_steps_done > 0
    model.save(tmp_path / "model.zip")
    loaded = HindsightTRM.load(tmp_path / "model.zip", device="cpu")
    observation = model.env.reset()
    seen = {key: torch.as_tensor(value) for key, value in observation.items()}
    assert torch.equal(loaded.policy.edit_probabilities(seen), model.policy.edit_probabilities(seen))
    predicted = [one.predict(observation, deterministic=True)[0] for one in (loaded, model)]
    assert np.array_equal(*predicted)


@pytest.mark.parametrize("core", [Cells(), Cells(symmetries=False), Attention(), ExactCover()], ids=str)
def test_states_are_turned_where_the_core_says_so(core, monkeypatch):
    """Candidate tokens treat all symbols alike by themselves."""
    calls = []
    monkeypatch.setattr(
        fitting, "turned", lambda sample, symmetries: calls.append(sample) or turned(sample, symmetries)
    )
    model = model_of(core=core).learn(128)
    assert len(calls) == (model.gradient_steps_done if core in (Cells(), Attention()) else 0)


@pytest.mark.parametrize(("tokens", "core"), [("cells", {"core": Cells()}), ("candidates", {})])
def test_files_of_the_time_when_tokens_were_a_keyword_load(tokens, core, tmp_path):
    model = model_of(**core)
    model.policy_kwargs = {"width": 8, "tokens": tokens}
    model.save(tmp_path / "old.zip")
    loaded = HindsightTRM.load(tmp_path / "old.zip", device="cpu")
    assert loaded.policy_kwargs == {"width": 8, **core}
    for one, other in zip(model.policy.parameters(), loaded.policy.parameters(), strict=True):
        assert torch.equal(one, other)


def test_cells_of_another_core_no_longer_load(tmp_path):
    model = model_of(core=Cells())
    model.policy_kwargs = {"tokens": "cells", "core": CertifiedExactCover(0.9)}
    model.save(tmp_path / "old.zip")
    with pytest.raises(ValueError, match=r"tokens='cells' with core=CertifiedExactCover\(lipschitz=0\.9\) no longer"):
        HindsightTRM.load(tmp_path / "old.zip", device="cpu")
