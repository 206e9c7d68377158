"""The depth study: what is measured, predicted and drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from agent_helpers import puzzle

import baselines
from benchmarks import cli
from benchmarks.protocol import records
from benchmarks.protocol.suites import pool
from benchmarks.reporting.plots import as_png
from benchmarks.running.runner import Runner
from benchmarks.studies.depth import DepthRow, depths_for, kl, measure, variants
from benchmarks.studies.depth_report import COLOURS, dial_table, figure, table

ENV = "SudokuPlanEdit-4x4-v0"


@pytest.fixture(scope="module")
def puzzles(tmp_path_factory):
    file = tmp_path_factory.mktemp("puzzles") / "puzzles.npy"
    np.save(file, np.stack([puzzle(0, 6), puzzle(3, 9), puzzle(1, 2, 12)]))
    return pool(ENV, {"puzzles": str(file)})


def rows_of(algo: str, puzzles) -> list[DepthRow]:
    torch.set_num_threads(1)
    model = baselines.method(algo).make(ENV, {"blanks": (1, 4)}, 0, settings={"min_buffer_size": 1})
    model.learn(500)
    return measure(model, algo, puzzles, ("sudoku-4x4-hard", 0, 500, "c0ffee"), (1, 2, 4, 8))


def core_of(name: str) -> dict:
    return baselines.METHODS[name].hyperparameters_for(ENV)["policy_kwargs"].get("core", {})


def test_every_variant_has_its_colour():
    kinds = {"clamped": "clamp", "certified": "certified"}
    cores = [core_of(name) for name in variants()]
    assert {(kinds.get(core.get("kind"), "none"), core.get("lipschitz", np.inf)) for core in cores} == set(COLOURS)


def test_variants_differ_in_core_and_projection_only():
    of_all = [baselines.METHODS[name].hyperparameters_for(ENV) for name in variants()]
    ordinary = baselines.METHODS["hindsight_trm"].hyperparameters_for(ENV)
    assert len({str(keywords) for keywords in of_all}) == len(of_all) == 2 * (1 + 1 + 5)
    for keywords in of_all:
        policy = {k: v for k, v in keywords["policy_kwargs"].items() if k not in ("core", "radius")}
        assert {**keywords, "policy_kwargs": policy} == {**ordinary, "unroll": 2}


@pytest.mark.parametrize("algo", [variants()[i] for i in (0, 3, 4)])
def test_measurements_of_one_model(algo, puzzles):
    rows = rows_of(algo, puzzles)
    assert [(row.states_set, row.m) for row in rows] == [(name, m) for name in ("B0", "B1") for m in (1, 2, 4, 8)]
    for row in rows:
        certified = "core" in algo
        assert row.dial == (0.9 if certified else np.inf) and row.projection == ("radius" not in algo)
        assert np.isfinite(row.envelope) == certified and row.states == {"B0": 3, "B1": 7 * 4}[row.states_set]
        if row.m == 2:
            assert row.delta_value == row.delta_latent == row.delta_policy == 0.0 and row.agreement == 1.0
        else:
            assert row.delta_latent > 0.0 and row.delta_policy >= 0.0
        # A mean is below a supremum, up to float32.
        assert row.delta_value <= row.envelope + 1e-6


def test_kl_by_hand():
    policy, other = np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]), np.array([[0.25, 0.75, 0.0], [1.0, 0.0, 0.0]])
    assert kl(policy, other).tolist() == pytest.approx([0.5 * np.log(2.0) + 0.5 * np.log(2 / 3), 0.0])
    assert np.isfinite(kl(other, np.array([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]))).all()


def fake(seed: int, contraction: str, projection: bool, m: int) -> DepthRow:
    return DepthRow(
        suite="sudoku-4x4-hard", algo="a", contraction=contraction, dial=np.inf if contraction == "none" else 0.9,
        projection=projection, seed=seed, steps=9,
        states_set="B1", states=5, n=2, m=m, delta_value=0.1 * m * (1 + seed), value_spread=0.5, delta_policy=0.0,
        delta_latent=1.0, agreement=1.0, success=1.0, puzzles=3, lipschitz=0.9, lipschitz_value=2.0, first_move=1.0,
        envelope=np.inf if contraction == "none" else 3.0, commit="c",
    )  # fmt: skip


def test_report(tmp_path):
    rows = [fake(s, kind, True, m) for s in (0, 1) for kind in ("none", "certified") for m in (1, 2, 4)]
    lines = table(rows, depths=(4,)).splitlines()
    assert len(lines) == 2 + 2 and "| none | on | 4 | 0.6 ± " in lines[2] and lines[2].endswith("| none | 2 |")
    assert lines[3].endswith("| 3 | 2 |")
    assert as_png(figure(rows)).startswith(b"\x89PNG")
    records.write_atomically(tmp_path / "rows.csv", records.to_csv(rows, DepthRow))
    assert records.read(tmp_path / "rows.csv", DepthRow) == rows


def test_dial_table():
    rows = [
        replace(fake(s, kind, True, m), success=1.0 - s / m)
        for s in (0, 1)
        for kind in ("none", "certified")
        for m in (2, 4, 8)
    ]
    lines = dial_table([*rows, replace(rows[0], states_set="B0")]).splitlines()
    assert len(lines) == 2 + 2
    assert (
        lines[2].startswith("| 2 | 0.9 | 0.75 ± 3.2 | 0.875 ± ")
        and "| 2.4 ± " in lines[2]
        and lines[2].endswith("| 1 ± 0 | 2 |")
    )
    assert lines[3].startswith("| 2 | free | 0.75")


def test_depths_always_hold_what_the_table_of_dials_shows():
    assert depths_for(2) == (1, 2, 4, 8, 16, 32) and depths_for(20) == (1, 2, 4, 8, 16, 20, 32, 40, 80)


def test_other_agents_are_studied_in_a_table_of_their_own(tmp_path, monkeypatch, capsys):
    """Trained elsewhere: rows of two seeds lie in the folder, of a dial that the figure has no colour for."""
    algo = "hindsight_trm-certified@policy_kwargs.core.lipschitz=0.95@unroll=2@train_unroll=[1,2,2]"
    rows = [
        replace(fake(s, "certified", True, m), algo=algo, dial=0.95, suite="sudoku-4x4-easy", seed=s)
        for s in (0, 1)
        for m in (2, 4, 8)
    ]
    for row in rows:
        records.append(tmp_path / "depth.jsonl", row)
    monkeypatch.setattr(Runner, "run", lambda self, cells, workers, about: 0)
    words = ["depth", str(tmp_path), "--suite", "sudoku-4x4-easy", "--seeds", "0-1", "--steps", "9", "--algos", algo]
    assert cli.main([*words, "--csv", str(tmp_path / "rows.csv")]) == 0
    assert "| 2 | 0.95 | 1 ± 0 | 1 ± 0 | 1 ± 0 |" in capsys.readouterr().out
    assert records.read(tmp_path / "rows.csv", DepthRow) == rows and not (tmp_path / "depth.png").exists()


def test_command_line_names_the_mistake(tmp_path, capsys):
    assert cli.main(["depth", str(tmp_path), "--suite", "none"]) == 2
    assert "unknown suite" in capsys.readouterr().err
