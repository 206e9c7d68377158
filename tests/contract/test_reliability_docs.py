"""Every promise of docs/reliability.md names tests, and these exist."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from benchmarks.protocol import records
from benchmarks.protocol.published import PUBLISHED
from benchmarks.protocol.study_rows import DefaultsRow

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"


def test_every_promise_is_held_by_tests_that_exist() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and not line.startswith("| :")]
    promises = [row for row in rows if not row.startswith("| promise")]
    assert len(promises) >= 10
    for row in promises:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row.split(" | ")[-1])
        assert named, row
        for file, test in named:
            assert f"\ndef {test}(" in (ROOT / file).read_text(), f"{file} has no test {test}"


def test_the_defaults_learn_what_the_page_says() -> None:
    rows = records.read(PUBLISHED / "defaults.jsonl", DefaultsRow)
    assert not any(row.dirty for row in rows) and len(rows) == len({row.key for row in rows}) == 40
    learned = Counter(row.task for row in rows if row.score >= row.wanted)
    assert learned == {"identity": 10, "identity-discounted": 10, "cart-pole": 10, "time-limit": 7}
    assert max(row.env_steps for row in rows if row.task == "cart-pole") == 25_000
    assert "Of ten seeds, 7 get there." in PAGE.read_text() and "to 400 within 25,000 steps" in PAGE.read_text()
