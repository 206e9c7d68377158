"""The report of a run: rows as CSV, learning curves as PNG and SVG, and one self-contained HTML page."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.protocol import records
from benchmarks.protocol.folder import Folder
from benchmarks.protocol.rows import CurveRow, FailureRow, ResultRow
from benchmarks.protocol.stats import wilson_interval
from benchmarks.protocol.suites import suite
from benchmarks.reporting import plots, tables
from benchmarks.reporting.control_tables import columns_of
from benchmarks.reporting.rendering import environment
from benchmarks.reporting.summary import against, summarise


def write_report(folder: Folder) -> Path:
    """Write `rows.csv`, `curves.csv`, the figures and `report.html` from what the folder holds; return the page.

    The page names what it leaves out: damaged lines, by file and line.

    Raises:
        ValueError: the folder is not that of a run, or its rows do not go together.
    """
    rows, curves, failures = folder.results(), folder.curves(), folder.failures()
    records.write_atomically(folder.root / "rows.csv", records.to_csv(rows, records.class_of(rows)))
    records.write_atomically(folder.root / "curves.csv", records.to_csv(curves, CurveRow))
    planned = {cell.suite: None for cell in folder.plan()}
    sections = [_section(folder, name, rows, curves, failures) for name in planned]
    page = _template().render(
        about=folder.about(),
        sections=sections,
        columns=list({column.head: column for section in sections for column in section["columns"]}.values()),
        failures=failures,
        missing=_missing(folder, rows, failures),
        left_out=folder.left_out(),
        notes=folder.notes(),
        origins=_origins(rows),
    )
    records.write_atomically(folder.root / "report.html", page)
    return folder.root / "report.html"


def _section(
    folder: Folder, name: str, rows: list[ResultRow], curves: list[CurveRow], failures: list[FailureRow]
) -> dict[str, Any]:
    """What the page shows of one suite; writes its figures."""
    mine = [row for row in rows if row.suite == name]
    lines = summarise(mine)
    points = [point for point in curves if point.suite == name]
    svg = ""
    if points:
        figure = plots.learning_curves(name, points, lines)
        svg = plots.as_svg(figure)
        records.write_atomically(folder.root / f"learning-curves-{name}.svg", svg)
        records.write_atomically(folder.root / f"learning-curves-{name}.png", plots.as_png(figure))
    broken = [row for row in failures if row.suite == name]
    return {
        "suite": suite(name),
        "svg": svg,
        "columns": columns_of(lines),
        "lines": [{"summary": line, "cells": [c.cell(line) for c in columns_of(lines)]} for line in lines],
        "failed": {key: len(list(group)) for key, group in groupby(sorted(broken, key=_method), key=_method)},
        "rows": sorted(mine, key=lambda row: (row.kind, row.algo, row.steps, row.seed)),
        "broken": broken,
        "paired": [
            {"a": a.algo, "b": b.algo, "text": tables.paired_text(paired)}
            for best in lines[:1]
            if not best.is_reference
            for a, b, paired in against(mine, lines, best)
        ],
    }


def _method(row: FailureRow) -> tuple[str, int]:
    return row.algo, row.steps


def _missing(folder: Folder, rows: list[ResultRow], failures: list[FailureRow]) -> list[str]:
    settled = {row.key for row in rows} | {row.key for row in failures}
    return [str(cell) for cell in folder.plan() if cell.key not in settled]


def _origins(rows: list[ResultRow]) -> list[dict[str, Any]]:
    """Code, machine and data behind the rows, each combination once."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        names = ("commit", "dirty", "cpu", "threads", "versions", "command")
        values = {name: getattr(row, name) for name in names}
        entry = found.setdefault(tuple(values.values()), {**values, "pools": {}})
        entry["pools"][f"{row.suite} ({row.n})"] = row.pool_sha256
    return list(found.values())


def _template() -> Any:
    pages = environment()
    pages.filters.update(percent=tables.percent, count=tables.count)
    pages.globals.update(wilson=lambda row: tables.span(wilson_interval(row.solved, row.n)))
    return pages.get_template("report.html")
