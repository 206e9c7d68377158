"""The page of test-time compute: success against network calls."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import groupby
from typing import Any

from benchmarks.protocol.rows import UNIFORM, ComputeRow
from benchmarks.protocol.suites import SUITES
from benchmarks.reporting import tables
from benchmarks.reporting.evidence import digest
from benchmarks.reporting.suite_page import FIGURES, Draw


def content(rows: Sequence[ComputeRow], figures: dict[str, Draw]) -> list[dict[str, Any]]:
    """What the template says, a part for each suite and set of puzzles.

    Args:
        rows: published searches.
        figures: receives the figures, path seen from the page -> PNG.
    """
    out = []
    for (name, n), group in groupby(sorted(rows, key=_place), key=lambda row: (row.suite, row.n)):
        mine = list(group)
        path = f"{FIGURES}/{name}-search-{n}.png"
        figures[path] = partial(_curves, mine)
        part = {"suite": name, "n": n, "figure": path, "digest": digest(mine, ComputeRow)}
        out.append({**part, "table": tables.markdown_columns(tables.COMPUTE_COLUMNS, mine)})
    return out


def _place(row: ComputeRow) -> tuple[int, int, bool, str, int, str, int]:
    """Suites in their order, large sets first; the policy, attempts, searches; the search without a network last."""
    guide = row.guide == UNIFORM, row.guide, row.unroll or 0
    return list(SUITES).index(row.suite), -row.n, *guide, row.solver or "", row.budget


def _curves(rows: Sequence[ComputeRow]) -> bytes:
    # matplotlib takes a second to import.
    from benchmarks.reporting import plots

    return plots.as_png(plots.compute_curves(rows))
