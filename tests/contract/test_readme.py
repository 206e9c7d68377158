"""Every number in the README comes from published rows."""

from pathlib import Path

import pytest

from benchmarks.protocol.published import PUBLISHED, ablations, published
from benchmarks.protocol.rows import ResultRow
from benchmarks.reporting.readme import BLOCK, fill

README = Path(__file__).parents[2] / "README.md"


def test_tables_are_derived_from_the_published_rows():
    text = README.read_text(encoding="utf-8")
    assert BLOCK.search(text)
    assert fill(text) == text, "run: python -m benchmarks readme"


def test_published_rows_are_whole():
    rows = [*published(ResultRow), *(row for run in ablations().values() for row in run)]
    assert rows, f"nothing is published in {PUBLISHED.name}"
    for row in rows:
        assert row.success == pytest.approx(row.solved / row.n)
        assert row.solved == int(row.solved_mask.sum())
        assert not row.dirty, f"{row.algo} seed {row.seed} was run from a changed checkout"
