"""The page of the scoreboard: entries ranked on each pool, from most puzzles solved to fewest."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.protocol.stats import wilson_interval
from benchmarks.reporting import tables
from trm_agents.commands.entries import Entry, Line

SCOREBOARD = Path(__file__).resolve().parents[1] / "scoreboard"


class Scored(NamedTuple):
    """A line of an entry."""

    entry: Entry
    line: Line


COLUMNS: Mapping[str, Callable[[Scored], str]] = {
    "entry": lambda one: one.entry.name,
    "line": lambda one: one.line.line,
    "success": lambda one: tables.percent(one.line.solved / one.line.n),
    "95% interval": lambda one: tables.span(wilson_interval(one.line.solved, one.line.n)),
    "n": lambda one: str(one.line.n),
    "network calls": lambda one: tables.counted(one.line.network_calls),
    "inner steps": lambda one: tables.counted(one.line.inner_steps),
    "checks": lambda one: tables.counted(one.line.checks),
    "edits": lambda one: f"{one.line.edits:.1f}",
    "parameters": lambda one: "" if one.entry.parameters is None else tables.count(one.entry.parameters),
    "model": lambda one: f"`{one.entry.model}`, {one.entry.model_sha256[:8]}",
}
"""Columns of a ranking: head -> what it says of a line."""


def content(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """What the template says, a part for each pool and its rules."""
    lines = [Scored(entry, line) for entry in entries for line in entry.lines]
    out = []
    for (env_id, env_kwargs, pool), group in groupby(sorted(lines, key=_place), key=_pool):
        table = tables.markdown_columns(dict(COLUMNS), list(group))
        out.append({"env_id": env_id, "env_kwargs": env_kwargs, "pool": pool[:8], "table": table})
    return out


def _pool(one: Scored) -> tuple[str, str, str]:
    return one.entry.env_id, json.dumps(one.entry.env_kwargs, sort_keys=True), one.entry.pool_sha256


def _place(one: Scored) -> tuple[tuple[str, str, str], float, float, str]:
    return _pool(one), -one.line.solved / one.line.n, one.line.network_calls, one.entry.name
