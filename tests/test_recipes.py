"""The recipes of the zoo's larger agents, in small."""

import dataclasses

import numpy as np
import pytest
import torch

from benchmarks import models
from benchmarks.recipes import staged, sudoku_16x16
from trm_agents import UPITRM


def test_stages_follow_each_other_and_finished_ones_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(sudoku_16x16, "N_ENVS", 4)
    small = {"n_steps": 8, "unroll": 2, "min_unroll": 1, "learning_starts": 1, "policy_kwargs": {"width": 4}}
    stages = tuple(
        dataclasses.replace(stage, steps=steps, settings={**stage.settings, **small} if stage.settings else {})
        for stage, steps in zip(sudoku_16x16.STAGES[:2], (64, 32), strict=True)
    )
    first = sudoku_16x16.train(tmp_path, stages[:1])
    written = first.stat().st_mtime_ns
    last = sudoku_16x16.train(tmp_path, stages)
    assert first.stat().st_mtime_ns == written
    assert last.name == "1-medium.zip"
    assert models.label_of(last).cost.env_steps == UPITRM.load(last, device="cpu").num_timesteps == 96


def test_a_mixture_draws_by_its_shares():
    pools = [np.full((3, 81), value, np.int8) for value in (1, 2)]
    source = staged.Mixture([0.8, 0.2], pools)
    rng = np.random.default_rng(0)
    drawn = [int(source.sample(rng)[0]) for _ in range(500)]
    assert drawn.count(1) / 500 == pytest.approx(0.8, abs=0.06)


def test_a_stage_on_larger_puzzles_goes_on_with_the_weights(tmp_path, monkeypatch):
    """The core has no size: nothing is learned anew, and what the weights have cost is counted on."""
    monkeypatch.setattr(sudoku_16x16, "N_ENVS", 4)
    small = {"n_steps": 8, "unroll": 2, "min_unroll": 1, "max_unroll": 3, "search_instances": 0, "learning_starts": 1}
    stages = tuple(
        dataclasses.replace(stage, steps=steps, settings={**stage.settings, **small, "policy_kwargs": {"width": 4}})
        for stage, steps in zip(sudoku_16x16.STAGES[::3], (64, 32), strict=True)
    )
    first = sudoku_16x16.train(tmp_path, stages[:1])
    large = staged.begin(stages[1], 4, first, seed=0)
    before = UPITRM.load(first, device="cpu")
    assert large.policy.mdp.task.n_cells == 256 and large.memories[0].size == 0
    assert large.num_timesteps == before.num_timesteps == 64
    for name, weight in before.policy.state_dict().items():
        assert torch.equal(weight, large.policy.state_dict()[name]), name
    last = sudoku_16x16.train(tmp_path, stages)
    label = models.label_of(last)
    assert label.env_id == sudoku_16x16.LARGE and label.cost.env_steps == 96
