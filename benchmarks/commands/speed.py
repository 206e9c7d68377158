"""Measure the throughput of the environments, the puzzle generator and training on one core."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.protocol import records
from benchmarks.protocol.provenance import provenance, set_threads
from benchmarks.protocol.rows import SpeedRow

THREADS = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--json", action="store_true", help="one JSON object a measurement and nothing else")
    parser.add_argument("--out", type=Path, metavar="FILE.jsonl", help="append the rows to a file, to publish them")


def run(options: argparse.Namespace) -> int:
    """Measure, print and, where asked for, append to a file."""
    # Before anything loads numeric libraries: they read these once.
    set_threads(THREADS)
    from benchmarks.studies.speed import measurements

    origin, rows = provenance(), []
    for measure in measurements():
        rate = measure()
        row = SpeedRow(
            name=rate.name,
            value=round(rate.median, 1),
            lowest=round(min(rate.values), 1),
            highest=round(max(rate.values), 1),
            unit=rate.unit,
            repeats=len(rate.values),
            threads=THREADS,
            command=options.command_line,
            **origin._asdict(),
        )
        rows.append(row)
        if options.json:
            print(json.dumps(asdict(row)), flush=True)
    if not options.json:
        _show(rows)
    for row in rows if options.out else []:
        records.append(options.out, row)
    return 0


def _show(rows: list[SpeedRow]) -> None:
    table = Table(
        "what", "median", "range over repeats", "threads", title=escape(rows[0].command), title_justify="left"
    )
    for row in rows:
        span = f"{row.lowest:,.0f} to {row.highest:,.0f} ({row.repeats})"
        table.add_row(row.name, f"{row.value:,.0f} {row.unit}", span, str(row.threads))
    console = Console()
    console.print(table)
    console.print(f"{rows[0].cpu}; {rows[0].versions}")
