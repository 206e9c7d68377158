"""The soak and the study of defaults: what a round does, what counts as growth, what a row says."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from benchmarks import cli
from benchmarks.protocol import records
from benchmarks.protocol.study_rows import DefaultsRow, SoakRow
from benchmarks.reporting import readme
from benchmarks.studies import defaults, soak
from benchmarks.studies.soak import Sample, settled_mb


def samples(*resident: float) -> list[Sample]:
    return [Sample(float(i), i, 0, 0, 0, value) for i, value in enumerate(resident)]


def test_a_round_steps_trains_and_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "VECTOR_STEPS", 3)
    monkeypatch.setattr(soak, "TRAINING_STEPS", 10)
    monkeypatch.setattr(soak, "PUZZLES", 5)
    ticks = count()
    first, second = soak.soak(2.0, clock=lambda: float(next(ticks)))
    assert (first.rounds, second.rounds) == (1, 2)
    assert (first.vector_steps, second.vector_steps) == (192, 384)
    assert (first.evaluated, second.evaluated) == (10, 20)
    assert second.training_steps > first.training_steps >= 20
    assert 50 < first.resident_mb < 10_000


def test_growth_leaves_out_the_filling_of_caches() -> None:
    assert settled_mb(samples(10, 90, 100, 100, 100, 100, 100, 100)) == (100.0, 100.0)
    assert settled_mb(samples(*range(0, 80, 10))) == (25.0, 65.0)
    assert settled_mb(samples(5)) == (5.0, 5.0)


@pytest.mark.parametrize(("last", "code"), [(120.0, 0), (121.0, 1), (60.0, 0)])
def test_a_soak_leaves_a_row_and_fails_where_memory_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], last: float, code: int
) -> None:
    rounds = [Sample(20.0 * i, i, 10 * i, 20 * i, 30 * i, value) for i, value in enumerate((50, 100.0, 100.0, last), 1)]
    monkeypatch.setattr(soak, "soak", lambda seconds: iter(rounds))
    out = tmp_path / "soak.jsonl"
    assert cli.main(["soak", "--minutes", "1", "--out", str(out)]) == code
    assert f"growth from the second quarter of the time to the last: {last - 100:+.1f} MB" in capsys.readouterr().out
    (row,) = records.read(out, SoakRow)
    assert (row.minutes, row.rounds, row.vector_steps, row.training_steps, row.evaluated) == (1, 4, 40, 80, 120)
    assert (row.early_mb, row.late_mb, row.limit_mb) == (100.0, last, 20)
    line = readme.table("soak", tmp_path).splitlines()[2]
    assert line == f"| 1 | 40 | 80 | 120 | 100.0 MB | {last:.1f} MB | {last - 100:+.1f} MB |"


def test_rows_of_the_defaults_say_what_was_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    task = defaults.SmallTask(64, 0.5, lambda seed, budget, wanted: defaults.Outcome(budget, [0.4, 0.6][seed]))
    monkeypatch.setattr(defaults, "TASKS", {"small": task})
    out = str(tmp_path / "defaults.jsonl")
    assert cli.main(["defaults", "--seeds", "1", "--out", out]) == 0
    assert cli.main(["defaults", "--seeds", "0", "--out", out]) == 1
    found = records.read(Path(out), DefaultsRow)
    assert [(row.task, row.seed, row.score, row.env_steps) for row in found] == [
        ("small", 1, 0.6, 64),
        ("small", 0, 0.4, 64),
    ]
    assert readme.table("defaults", tmp_path).splitlines()[2] == "| small | 2 | 1 | 0.5 | 0.4 | 0.5 | 64 |"
    assert cli.main(["defaults", "--tasks", "other"]) == 2
    assert "choose among small" in capsys.readouterr().err


def test_an_endless_task_behind_a_time_limit_has_a_value() -> None:
    env = defaults.Circle()
    assert env.reset()[0] == 0
    assert [env.step(0)[:4] for _ in range(4)] == [(state, 1.0, False, False) for state in (1, 2, 3, 0)]
