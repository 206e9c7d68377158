"""Every promise of docs/reliability.md names tests, and these exist."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from benchmarks.protocol import records
from benchmarks.protocol.published import PUBLISHED
from benchmarks.protocol.study_rows import DefaultsRow
from benchmarks.reporting.readme import BLOCK

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"


def test_every_promise_is_held_by_tests_that_exist() -> None:
    rows = [
        line
        for line in BLOCK.sub("", PAGE.read_text()).splitlines()
        if line.startswith("| ") and not line.startswith("| :")
    ]
    promises = [row for row in rows if not row.startswith("| promise")]
    assert len(promises) >= 10
    for row in promises:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row.split(" | ")[-1])
        assert named, row
        for file, test in named:
            assert f"\ndef {test}(" in (ROOT / file).read_text(), f"{file} has no test {test}"


def test_the_defaults_learn_small_tasks() -> None:
    rows = records.read(PUBLISHED / "defaults.jsonl", DefaultsRow)
    assert not any(row.dirty for row in rows) and len(rows) == len({row.key for row in rows}) == 50
    learned = Counter(row.task for row in rows if row.score >= row.wanted)
    assert learned["identity"] == learned["identity-discounted"] == learned["cart-pole"] == 10
    assert learned["time-limit-short-rollouts"] == 10
    assert "<!-- table:defaults -->" in PAGE.read_text() and "<!-- table:soak -->" in PAGE.read_text()
