"""`python -m benchmarks receding`: closed loops as rows, and what such a row may say."""

import dataclasses

import pytest

from benchmarks.cli import main
from benchmarks.protocol import records
from benchmarks.protocol.checks import problem_of
from benchmarks.protocol.published import PUBLISHED, published
from benchmarks.protocol.study_rows import RecedingRow
from benchmarks.reporting.readme import table


def test_loops_of_a_model_and_of_noise_are_counted(tmp_path, capsys):
    out = tmp_path / "rows.jsonl"
    words = ["receding", "zoo:trc-van-der-pol", "--suite", "control-vdp", "--limit", "4", "--steps", "6"]
    assert main([*words, "--noises", "0,0.01", "--out", str(out)]) == 0
    rows = records.read(out, RecedingRow)
    editors = ("trc-van-der-pol", "noise")
    told = [(row.noise, row.editor, row.test) for row in rows]
    assert told == [(noise, editor, test) for noise in (0.0, 0.01) for editor in editors for test in (True, False)]
    assert all(problem_of(row) is None and (row.mu, row.n, row.steps) == (1.0, 4, 6 * row.started) for row in rows)
    assert all(row.violations == 0 for row in rows if row.test)
    assert all(row.accepted == row.steps for row in rows if not row.test)
    broken = [row.violations for row in rows if not row.test and row.editor == "noise"]
    assert min(broken) > 10, "what the test prevents"
    assert "violations" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("agent", "name", "words"),
    [
        ("powered-descent", "control-descent", "needs a quadratic system"),
        ("van-der-pol", "control-vdp-mu", "mu varies"),
        ("van-der-pol", "sudoku-4x4-easy", "is a suite of puzzles"),
    ],
)
def test_other_suites_are_refused_by_name(agent, name, words, capsys):
    assert main(["receding", f"zoo:trc-{agent}", "--suite", name]) == 2
    assert words in capsys.readouterr().err


def test_published_loops_hold_what_the_theorem_promises():
    rows = published(RecedingRow, PUBLISHED)
    tested = [row for row in rows if row.test]
    assert {row.noise for row in tested} >= {0.0, 0.0025} and not any(row.dirty for row in rows)
    assert all(row.violations == 0 and row.steps >= 10_000 for row in tested)
    assert any(row.violations > 0 for row in rows if not row.test)
    assert table("receding").count("\n") == len(rows) + 1
    assert problem_of(rows[0]) is None
    assert problem_of(dataclasses.replace(rows[0], lost=3, violations=2)) is not None
