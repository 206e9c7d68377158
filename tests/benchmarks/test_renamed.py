"""Older rows under today's names: nothing is lost, and one table says what is called how."""

import csv
import hashlib
import json

import pytest

from benchmarks.protocol import records
from benchmarks.protocol.names import Name, named
from benchmarks.protocol.published import PUBLISHED
from benchmarks.protocol.renamed import NAMES, SETTINGS, Old, name_today
from benchmarks.protocol.rows import CurveRow, ResultRow, TuningRow

FIRST_EDITION = "eec74f9cb12fc6aa8fdd92fac790992bc079159c827e02e8a85fc779d87c39ef"
"""SHA-256 of what `digest` is taken of, from the files at commit 489fe07."""


def results() -> list[tuple[str, ResultRow]]:
    files = sorted(PUBLISHED.glob("*.csv"))
    found = [
        (p.name, row) for p in files if records.schema_of(p) == ResultRow.schema for row in records.read(p, ResultRow)
    ]
    return [(name, row) for name, row in found if row.published_as]


def of_first_edition() -> list[tuple[str, ResultRow]]:
    return [(name, row) for name, row in results() if not row.suite.startswith("walk")]


def test_every_result_of_the_first_edition_is_there_with_the_same_puzzles_solved():
    facts = [
        [name, row.published_as, row.suite, str(row.seed), str(row.steps), row.solved_bits, row.commit]
        for name, row in of_first_edition()
    ]
    assert hashlib.sha256(json.dumps(sorted(facts)).encode()).hexdigest() == FIRST_EDITION


def test_every_name_of_a_result_is_what_the_table_says_of_its_old_one():
    for _, row in results():
        assert row.algo == name_today(row.published_as, row.suite, row.steps)


@pytest.mark.parametrize("kind", [CurveRow, TuningRow])
def test_every_name_of_a_curve_and_of_a_trial_is_what_the_table_says(kind):
    files = [path for path in PUBLISHED.glob("*.csv") if records.schema_of(path) == kind.schema]
    rows = [row for path in files for row in records.read(path, kind) if row.published_as]
    assert rows
    for row in rows:
        assert row.algo == name_today(row.published_as, row.suite, row.steps)


def test_every_name_of_a_certificate_and_of_a_depth_is_what_the_table_says():
    rows = [row for path in (PUBLISHED / "theory").glob("*.csv") for row in csv.DictReader(path.open())]
    renamed = [row for row in rows if row.get("published_as")]
    assert renamed
    for row in renamed:
        assert row["algo"] == name_today(row["published_as"], row.get("suite", ""), int(row.get("steps", 0)))


def test_settings_of_published_trials_have_the_values_that_they_had():
    for row in records.read(PUBLISHED / "tuning.csv", TuningRow):
        then, today = json.loads(row.published_settings), json.loads(row.settings)
        ours = row.published_as.startswith("upi_trm")
        assert {SETTINGS.get(key, key) if ours else key: value for key, value in then.items()} == today


def test_the_compute_of_a_result_is_filled_in_only_where_it_is_an_identity():
    for _, row in of_first_edition():
        if row.kind == "line":
            assert row.network_calls == row.inner_steps == 0.0
            assert (row.checks is None) == (row.algo == "checker_greedy")
        elif named(row.algo).solver or row.algo.startswith("upi_trm-exact"):
            assert row.network_calls is row.inner_steps is row.checks is None
        elif row.network_calls is not None:
            assert row.network_calls == row.edits
            assert row.inner_steps is not None
            assert row.inner_steps / row.edits == pytest.approx(round(row.inner_steps / row.edits))
            assert row.checks == 0.0


def test_the_table_needs_the_suite_where_restarts_differ_between_suites():
    assert name_today("upi_trm", "sudoku-9x9", 60_000) == "hindsight_trm+attempts=32"
    assert name_today("upi_trm", "sudoku-9x9", 200_000) == "hindsight_trm+attempts=127"
    assert name_today("upi_trm", "sudoku-4x4-hard", 20_000) == "hindsight_trm"
    assert name_today("ppo", "sudoku-9x9", 60_000) == "ppo"


def test_no_entry_of_the_table_is_without_a_row():
    rows = [row for path in PUBLISHED.rglob("*.csv") for row in csv.DictReader(path.open())]
    seen = {Old(row.get("published_as") or "", row.get("suite", ""), int(row.get("steps", 0))) for row in rows}
    seen |= {Old(old.published_as) for old in seen}
    assert set(NAMES) <= seen


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("ppo", Name("ppo")),
        ("ppo@n_steps=8", Name("ppo@n_steps=8")),
        ("hindsight_trm+attempts=127", Name("hindsight_trm", "attempts", 127)),
        ("hindsight_trm@train_unroll=[2,8,8]+search=100", Name("hindsight_trm@train_unroll=[2,8,8]", "search", 100)),
        ("hindsight_trm@learning_rate=1e+3", Name("hindsight_trm@learning_rate=1e+3")),
        ("hindsight_trm+attempts=0", Name("hindsight_trm+attempts=0")),
    ],
)
def test_a_name_tells_the_method_and_the_solver(text, parts):
    assert named(text) == parts
    assert str(parts) == text


def test_a_variant_is_compared_with_its_row_under_the_same_solver():
    assert named("hindsight_trm@unroll=8+attempts=127").unchanged == "hindsight_trm+attempts=127"
    assert named("ppo@n_steps=8").unchanged == "ppo"
