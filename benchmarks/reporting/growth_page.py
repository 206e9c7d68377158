"""The page of growth: agents of one size of puzzle on others, and the cost of an inner step against size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from benchmarks.protocol.stats import wilson_interval
from benchmarks.protocol.study_rows import GrowthRow
from benchmarks.protocol.suites import SUITES
from benchmarks.reporting import tables

COLUMNS: dict[str, Callable[[GrowthRow], str]] = {
    "suite": lambda row: row.suite,
    "N": lambda row: str(row.size),
    "line": lambda row: row.line,
    "success": lambda row: tables.percent(row.solved / row.n),
    "95% interval": lambda row: tables.span(wilson_interval(row.solved, row.n)),
    "n": lambda row: str(row.n),
    "edits": lambda row: f"{row.edits:.1f}",
    "network calls": lambda row: tables.counted(row.network_calls),
    "inner steps": lambda row: tables.counted(row.inner_steps),
    "checks": lambda row: tables.counted(row.checks),
    "s a puzzle": lambda row: f"{row.inner_steps * row.ms_256 / 1e3:.3g}",
}
"""Columns of an agent's table: head -> what it says of a row."""

STEP_COLUMNS: dict[str, Callable[[GrowthRow], str]] = {
    "N": lambda row: str(row.size),
    "tokens": lambda row: f"{row.tokens:,}",
    "ms alone": lambda row: f"{row.ms_1:.3g}",
    "ms among 256": lambda row: f"{row.ms_256:.3g}",
    "ns a token": lambda row: f"{1e6 * row.ms_256 / row.tokens:.0f}",
}
"""Columns of the table of inner steps."""


def content(rows: Sequence[GrowthRow]) -> list[dict[str, Any]]:
    """What the template says, a part for each agent; rows stand in the order of size and of suites."""
    order = list(SUITES)
    placed = sorted(rows, key=lambda row: (row.agent, row.size, order.index(row.suite), row.line != "policy", row.line))
    out = []
    for agent, group in groupby(placed, key=lambda row: row.agent):
        mine = list(group)
        sizes = [_fastest(list(found)) for _, found in groupby(mine, key=lambda row: row.size)]
        out.append(
            {
                "agent": agent,
                "trained_env": mine[0].trained_env,
                "table": tables.markdown_columns(COLUMNS, mine),
                "steps": tables.markdown_columns(STEP_COLUMNS, sizes),
            }
        )
    return out


def _fastest(rows: Sequence[GrowthRow]) -> GrowthRow:
    """One row of a size, which was timed with each of its suites: the least times count, as among repeats."""
    return replace(rows[0], ms_1=min(row.ms_1 for row in rows), ms_256=min(row.ms_256 for row in rows))
