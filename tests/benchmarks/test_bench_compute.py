"""`compute` from the outside, and what its rows say of a search."""

from __future__ import annotations

from dataclasses import replace

import bench_fakes
import numpy as np
import pytest

import baselines
from benchmarks import cli
from benchmarks.protocol import records
from benchmarks.protocol.rows import UNIFORM, ComputeRow, unpack_bits
from benchmarks.protocol.suites import pool, suite
from benchmarks.reporting.plots import as_png, compute_curves
from benchmarks.running import models
from benchmarks.running.models import Label
from trm_agents.solving import search, uniform_proposer

SUITE, LIMIT = "sudoku-4x4-minimal", 40
BUDGETS = [0, 1, 2, 5]


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.zip"
    models.save(bench_fakes.FakeModel("mine", 0), path, Label("mine", "SudokuPlanEdit-4x4-v0"))
    return path


def words(model, out, *more) -> list[str]:
    base = [
        "compute",
        str(model),
        "--suite",
        SUITE,
        "--budgets",
        "5,2,0,1",
        "--attempts",
        "30,3",
        "--limit",
        str(LIMIT),
    ]
    return [*base, "--out", str(out), "--contestants", "bench_fakes", *more]


def test_rows_and_figures(model, tmp_path, capsys):
    out = tmp_path / "out"
    assert cli.main(words(model, out)) == 0
    assert "policy" in capsys.readouterr().out
    rows = records.read(out / "compute.jsonl", ComputeRow)
    assert [(r.guide, r.solver, r.budget) for r in rows] == [
        ("model.zip", None, 0),
        *(("model.zip", "search", b) for b in BUDGETS[1:]),
        ("model.zip", "attempts", 3),
        ("model.zip", "attempts", 30),
        *((UNIFORM, "search", b) for b in BUDGETS[1:]),
    ]
    assert (out / f"{SUITE}.png").read_bytes()[:4] == b"\x89PNG"
    assert (out / f"{SUITE}.svg").read_text().startswith("<svg")
    row = suite(SUITE)
    test = pool(row.env_id, row.env_kwargs, "test")
    for one in rows:
        if one.guide == UNIFORM:
            found = search(test.mdp, test.instances[:LIMIT], uniform_proposer(test.mdp), one.budget)
            np.testing.assert_array_equal(unpack_bits(one.solved_bits, one.n), found.solved)
            assert (one.network_calls, one.inner_steps) == (found.calls.mean(), 0.0)
            assert one.checks == found.queries.mean()
            assert one.edits == np.where(found.solved, found.edits, 16).mean()
        elif one.solver is not None:
            assert (one.solved, one.network_calls, one.inner_steps, one.checks) == (one.budget, 1.0, 120.0, 2.0)
        assert (one.n, one.success, one.algo) == (LIMIT, one.solved / LIMIT, "mine" if one.guide != UNIFORM else "")
    alone = rows[0]
    assert alone.network_calls == 0.0 and alone.checks > alone.edits > 10


def test_a_second_run_replaces_the_first_in_the_figure(model, tmp_path):
    out = tmp_path / "out"
    assert cli.main(words(model, out)) == cli.main(words(model, out)) == 0
    rows = records.read(out / "compute.jsonl", ComputeRow)
    assert len(rows) == 18 and len(records.latest(rows)) == 9
    axes = compute_curves(records.latest(rows)).axes[0]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    whose = ["model.zip, attempts", "model.zip, policy alone", "model.zip, search"]
    assert sorted(labels) == [*whose, "no network: uniform, search"]
    assert axes.get_xscale() == "log" and f"{LIMIT} test puzzles" in axes.get_title(loc="left")


@pytest.mark.parametrize("solved", [0, LIMIT])
def test_all_or_nothing_can_be_drawn(model, tmp_path, solved):
    assert cli.main(words(model, tmp_path / "out")) == 0
    rows = records.read(tmp_path / "out" / "compute.jsonl", ComputeRow)
    assert as_png(compute_curves([replace(one, solved=solved) for one in rows]))


def test_what_is_wrong_is_said(model, tmp_path, capsys):
    assert cli.main(words(model, tmp_path / "out", "--suite", "chess")) == 2
    assert "unknown suite 'chess'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    for wrong in (["--budgets", "5,-1"], ["--attempts", "0"]):
        with pytest.raises(SystemExit):
            cli.main(words(model, tmp_path / "out", *wrong))


def test_a_row_without_solvers_refuses_them():
    mdp = pool(suite(SUITE).env_id, suite(SUITE).env_kwargs, "test").mdp
    with pytest.raises(ValueError, match=r"models of 'ppo' cannot be solved with: .* leave out search"):
        baselines.METHODS["ppo"].solver(bench_fakes.FakeModel("ppo", 0), mdp, "SudokuPlanEdit-4x4-v0", "search", 9)
