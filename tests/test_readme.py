"""Every number in the README comes from published rows."""

from pathlib import Path

import pytest

from benchmarks.published import PUBLISHED, ablations, published
from benchmarks.readme import BLOCK, fill
from benchmarks.rows import ResultRow

README = Path(__file__).parent.parent / "README.md"


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
