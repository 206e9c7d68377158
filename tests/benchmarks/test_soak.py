"""The soak and the study of defaults: what a round does, what counts as growth, what a row says."""

from __future__ import annotations

from itertools import count

import pytest

from benchmarks import cli
from benchmarks.commands import defaults as command
from benchmarks.protocol import records
from benchmarks.protocol.study_rows import DefaultsRow
from benchmarks.studies import defaults, soak
from benchmarks.studies.soak import Sample, growth_mb


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
    assert growth_mb(samples(10, 90, 100, 100, 100, 100, 100, 100)) == 0.0
    assert growth_mb(samples(*range(0, 80, 10))) == 40.0
    assert growth_mb(samples(5)) == 0.0


def test_rows_of_the_defaults_say_what_was_reached(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    task = defaults.SmallTask(64, 0.5, lambda seed, budget, wanted: defaults.Outcome(budget, [0.4, 0.6][seed]))
    monkeypatch.setattr(defaults, "TASKS", {"small": task})
    out = f"{tmp_path}/defaults.jsonl"
    assert cli.main(["defaults", "--seeds", "1", "--out", out]) == 0
    assert cli.main(["defaults", "--seeds", "0", "--out", out]) == 1
    found = records.read(command.Path(out), DefaultsRow)
    assert [(row.task, row.seed, row.score, row.env_steps) for row in found] == [
        ("small", 1, 0.6, 64),
        ("small", 0, 0.4, 64),
    ]
    assert cli.main(["defaults", "--tasks", "other"]) == 2
    assert "choose among small" in capsys.readouterr().err


def test_an_endless_task_behind_a_time_limit_has_a_value() -> None:
    env = defaults.Circle()
    assert env.reset()[0] == 0
    assert [env.step(0)[:4] for _ in range(4)] == [(state, 1.0, False, False) for state in (1, 2, 3, 0)]
