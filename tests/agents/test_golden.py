"""Training gives the same results as before, whose counts and weights `data/golden.json` holds.

They are those of version 0.1; on CartPole those of 0.2, which scales advantages by the returns' deviation there.
"""

import json
from pathlib import Path

import pytest

import baselines
from benchmarks.protocol.suites import suite
from trm_agents import UPITRM

GOLDEN = json.loads((Path(__file__).parent / "data" / "golden.json").read_text())
SEED = 3
RUNS = {
    "hind-4x4": ("hindsight_trm", "sudoku-4x4-minimal", 1000, {"min_buffer_size": 50}),
    "hind-4x4-search": ("hindsight_trm@search.instances=4", "sudoku-4x4-hard-sparse", 1000, {"min_buffer_size": 50}),
    "hind-4x4-cells": (
        "hindsight_trm@policy_kwargs.core.kind=cells",
        "sudoku-4x4-hard",
        1000,
        {"min_buffer_size": 50},
    ),
    "hind-9x9": ("hindsight_trm", "sudoku-9x9", 2000, {"min_buffer_size": 50}),
    "hind-maze": ("hindsight_trm", "maze-9x9", 1500, {"min_buffer_size": 50, "search.instances": 2}),
    "certified-4x4": ("hindsight_trm-certified", "sudoku-4x4-hard", 1000, {"min_buffer_size": 50}),
    "k_step": ("upi_trm", "sudoku-4x4-hard", 800, {}),
    "exact": ("upi_trm-exact", "sudoku-4x4-hard", 800, {}),
    "stage0": ("stage0", "sudoku-4x4-hard", 800, {}),
    "readout": ("upi_trm@advantage=readout", "sudoku-4x4-hard", 800, {}),
    "safe": ("upi_trm-exact@mixture.alpha=safe", "sudoku-4x4-hard", 400, {}),
}


def run(name):
    """A short training run, as the golden file has it."""
    if name == "cartpole":
        return UPITRM("MlpPolicy", "CartPole-v1", seed=1, device="cpu", n_steps=32, unroll=3).learn(256)
    row, suite_name, steps, settings = RUNS[name]
    about = suite(suite_name)
    method = baselines.METHODS[row].with_settings(settings)
    return method.make(about.env_id, about.env_kwargs, SEED).learn(steps)


def test_every_golden_run_is_made():
    assert set(GOLDEN) == {*RUNS, "cartpole"}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_run_counts_and_learns_what_it_did(name):
    """Counts are exact; other processors round weights differently, and their sum by up to some 2e-4 (stage0)."""
    model, expected = run(name), GOLDEN[name]
    counts = {
        "env_steps": model.num_timesteps,
        "gradient_steps": model.gradient_steps_done,
        "model_queries": model.model_queries,
    }
    assert counts == {key: expected[key] for key in counts}
    weights = float(sum(value.double().abs().sum() for value in model.policy.state_dict().values()))
    assert weights == pytest.approx(expected["weights"], rel=1e-3)
