"""The recipes of the zoo's larger agents, in small."""

import dataclasses

import numpy as np
import pytest
import torch

import baselines
from benchmarks import models
from benchmarks.recipes import maze_15x15, staged, sudoku_9x9
from benchmarks.suites import suite
from trm_agents import UPITRM


def test_stages_follow_each_other_and_finished_ones_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(sudoku_9x9, "N_ENVS", 4)
    small = {"n_steps": 8, "unroll": 2, "min_unroll": 1, "learning_starts": 1, "policy_kwargs": {"width": 4}}
    stages = tuple(
        dataclasses.replace(stage, steps=steps, settings={**stage.settings, **small} if stage.settings else {})
        for stage, steps in zip(sudoku_9x9.STAGES[:2], (64, 32), strict=True)
    )
    first = sudoku_9x9.train(tmp_path, stages[:1])
    written = first.stat().st_mtime_ns
    last = sudoku_9x9.train(tmp_path, stages)
    assert first.stat().st_mtime_ns == written
    assert last.name == "1-hard.zip"
    assert models.label_of(last).cost.env_steps == UPITRM.load(last, device="cpu").num_timesteps == 96


def test_a_mixture_draws_by_its_shares():
    pools = [np.full((3, 81), value, np.int8) for value in (1, 2)]
    source = staged.Mixture([0.8, 0.2], pools)
    rng = np.random.default_rng(0)
    drawn = [int(source.sample(rng)[0]) for _ in range(500)]
    assert drawn.count(1) / 500 == pytest.approx(0.8, abs=0.06)


def test_a_stage_on_larger_puzzles_goes_on_with_the_weights(tmp_path, monkeypatch):
    """The core has no size: nothing is learned anew, and what the weights have cost is counted on."""
    monkeypatch.setattr(maze_15x15, "N_ENVS", 4)
    small = {"n_steps": 8, "unroll": 2, "min_unroll": 1, "max_unroll": 3, "search_instances": 0, "learning_starts": 1}
    stages = tuple(
        dataclasses.replace(stage, steps=steps, settings={**stage.settings, **small, "policy_kwargs": {"width": 4}})
        for stage, steps in zip(maze_15x15.STAGES[:2], (64, 32), strict=True)
    )
    first = maze_15x15.train(tmp_path, stages[:1])
    large = staged.begin(stages[1], 4, first, seed=0)
    before = UPITRM.load(first, device="cpu")
    assert large.policy.mdp.task.size == 15 and large.memory.size == 0
    assert large.num_timesteps == before.num_timesteps == 64
    for name, weight in before.policy.state_dict().items():
        assert torch.equal(weight, large.policy.state_dict()[name]), name
    last = maze_15x15.train(tmp_path, stages)
    label = models.label_of(last)
    assert label.env_id == maze_15x15.LARGE and label.cost.env_steps == 96


def test_the_first_stage_of_the_9x9_agent_is_the_benchmarks_row(tmp_path):
    """The same puzzles, edits and weights as a model of the registry, trained on the suite with the same seed."""
    row = suite("sudoku-9x9")
    short = {"n_steps": 2, "unroll": 2, "min_unroll": 1, "max_unroll": 2, "learning_starts": 1, "prior_steps": 1}
    model = baselines.make("upi_trm", row.env_id, {**row.env_kwargs, "split": "train"}, 3, settings=short).learn(400)
    stage = dataclasses.replace(sudoku_9x9.STAGES[0], steps=400)
    trained = sudoku_9x9.train(tmp_path, (dataclasses.replace(stage, settings={**stage.settings, **short}),), seed=3)
    again = UPITRM.load(trained, device="cpu")
    assert model.num_timesteps == again.num_timesteps == 400
    for name, weight in model.policy.state_dict().items():
        assert torch.equal(weight, again.policy.state_dict()[name]), name
    for key, seen in model._last_obs.items():
        assert np.array_equal(seen, again._last_obs[key])
    assert len(np.unique(model._last_obs["plan"], axis=0)) == 50
