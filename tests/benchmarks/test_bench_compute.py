"""`compute` from the outside, and what its rows say of a search."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

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
from trm_envs.sudoku.solver import solve

SUITE, LIMIT = "sudoku-4x4-minimal", 40
BUDGETS = [0, 1, 2, 5]


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.zip"
    models.save(bench_fakes.FakeModel("mine", 0), path, Label("mine", "SudokuPlanEdit-4x4-v0"))
    return path


def words(model, out, *more) -> list[str]:
    base = ["compute", str(model), "--suite", SUITE, "--budgets", "5,2,0,1", "--limit", str(LIMIT)]
    return [*base, "--out", str(out), "--contestants", "bench_fakes", *more]


def test_rows_and_figures(model, tmp_path, capsys):
    out = tmp_path / "out"
    assert cli.main(words(model, out)) == 0
    assert "greedy" in capsys.readouterr().out
    rows = records.read(out / "compute.jsonl", ComputeRow)
    assert [(r.guide, r.budget) for r in rows] == [("model.zip", b) for b in BUDGETS] + [
        (UNIFORM, b) for b in BUDGETS[1:]
    ]
    assert (out / f"{SUITE}.png").read_bytes()[:4] == b"\x89PNG"
    assert (out / f"{SUITE}.svg").read_text().startswith("<svg")
    row = suite(SUITE)
    test = pool(row.env_id, row.env_kwargs, "test")
    for one in rows:
        if one.guide == UNIFORM:
            found = search(test.mdp, test.instances[:LIMIT], uniform_proposer(test.mdp), one.budget)
            np.testing.assert_array_equal(unpack_bits(one.solved_bits, one.n), found.solved)
            assert one.network_calls == found.calls.mean()
            assert one.edits == np.where(found.solved, found.edits, 16).mean()
        assert (one.n, one.solved, one.algo) == (
            LIMIT,
            round(one.success * LIMIT),
            "mine" if one.guide != UNIFORM else "",
        )
    greedy = rows[0]
    assert greedy.network_calls == greedy.edits > 10
    assert all(a.solved <= b.solved for group in (rows[1:4], rows[4:]) for a, b in pairwise(group))


def test_guesses_shorten_a_search_and_the_rows_say_so(model, tmp_path, monkeypatch):
    def right_at_the_second_call(states, attempts):
        return np.where((attempts > 0)[:, None], solve(states.instances)[0], states.plans)

    assert cli.main(words(model, tmp_path / "plain")) == 0
    monkeypatch.setattr(bench_fakes, "guesser_of", lambda model, mdp: right_at_the_second_call)
    assert cli.main(words(model, tmp_path / "out")) == 0
    plain, rows = (records.read(tmp_path / name / "compute.jsonl", ComputeRow) for name in ("plain", "out"))
    assert [row.guesses for row in rows] == [True] * 4 + [False] * 3
    assert rows[0].guided_by == "model.zip" and rows[1].guided_by == "model.zip, with guesses"
    solved = {row.budget: row.solved for row in rows[:4]}
    assert solved[1] == plain[1].solved < plain[2].solved < solved[2] == LIMIT


def test_a_second_run_replaces_the_first_in_the_figure(model, tmp_path):
    out = tmp_path / "out"
    assert cli.main(words(model, out)) == cli.main(words(model, out)) == 0
    rows = records.read(out / "compute.jsonl", ComputeRow)
    assert len(rows) == 14 and len(records.latest(rows)) == 7
    axes = compute_curves(records.latest(rows)).axes[0]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert sorted(labels) == ["model.zip, greedy play", "model.zip, search", "no network: uniform, search"]
    assert axes.get_xscale() == "log" and f"{LIMIT} test puzzles" in axes.get_title(loc="left")


@pytest.mark.parametrize("solved", [0, LIMIT])
def test_all_or_nothing_can_be_drawn(model, tmp_path, solved):
    assert cli.main(words(model, tmp_path / "out")) == 0
    rows = records.read(tmp_path / "out" / "compute.jsonl", ComputeRow)
    assert as_png(compute_curves([replace(one, solved=solved) for one in rows]))


def test_what_is_wrong_is_said(model, tmp_path, capsys):
    for more, message in (
        (["--suite", "chess"], "unknown suite 'chess'"),
        (["--algo", "ppo"], "only UPI-TRM models trained with the hindsight target"),
    ):
        assert cli.main(words(model, tmp_path / "out", *more)) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    with pytest.raises(SystemExit):
        cli.main(words(model, tmp_path / "out", "--budgets", "5,-1"))


def test_baselines_refuse_models_without_hit_probabilities():
    model = bench_fakes.FakeModel("ppo", 0)
    mdp = pool(suite(SUITE).env_id, suite(SUITE).env_kwargs, "test").mdp
    with pytest.raises(ValueError, match=r"a model of 'ppo' cannot be searched with: .* hindsight"):
        baselines.proposer_of("ppo", model, mdp)
