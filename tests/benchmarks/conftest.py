"""Fixtures of the tests of pages."""

from __future__ import annotations

import pytest
from page_helpers import HAND_MADE

from benchmarks.protocol import records
from benchmarks.protocol.suites import Pool
from benchmarks.reporting import parts


@pytest.fixture
def hand_made(monkeypatch, tmp_path):
    """A folder of published rows on a test pool of four puzzles; the function publishes rows."""
    grids = [HAND_MADE]
    monkeypatch.setattr(parts, "scored_pool", lambda *_: Pool(None, grids[0]))
    folder = tmp_path / "published"

    def publish(rows, name="run", instances=None):
        if instances is not None:
            grids[0] = instances
        records.write_atomically(folder / f"{name}.csv", records.to_csv(rows, type(rows[0])))
        return folder

    return publish
