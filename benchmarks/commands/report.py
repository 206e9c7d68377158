"""Write and show the report of a run, or show the published rows."""

from __future__ import annotations

import argparse
import json
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from benchmarks.commands import arguments
from benchmarks.protocol.folder import Folder
from benchmarks.protocol.published import publish, published
from benchmarks.protocol.rows import ResultRow
from benchmarks.reporting import tables
from benchmarks.reporting.control_tables import terminal_columns
from benchmarks.reporting.summary import Summary, summarise


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("out", nargs="?", type=Path, help="folder of a run")
    source.add_argument("--published", action="store_true", help="the rows behind the README's numbers")
    parser.add_argument("--json", action="store_true", help="one JSON object a line and nothing else")
    parser.add_argument(
        "--publish",
        type=arguments.published_name,
        metavar="NAME",
        help="also copy the run's rows to benchmarks/published/NAME.csv",
    )


def run(options: argparse.Namespace) -> int:
    """Report; 1 where the run has failed cells or damaged rows, which are left out."""
    if options.published:
        if options.publish:
            raise ValueError("--publish copies the rows of a run: name its folder")
        _print(summarise(published(ResultRow)), options.json, Console())
        return 0
    folder = Folder(options.out)
    folder.about()
    if options.json:
        _print(summarise(folder.results()), True, Console())
        tell_left_out(folder, Console(stderr=True))
    else:
        show(folder, Console())
    if options.publish:
        for path in publish(folder, options.publish):
            Console(stderr=True).print(f"published {escape(path.name)}")
    return 1 if folder.failures() or folder.left_out() else 0


def show(folder: Folder, console: Console) -> None:
    """Write the report, print its tables and say where it lies."""
    # Figures take a second to import.
    from benchmarks.reporting.report import write_report

    page = write_report(folder)
    _print(summarise(folder.results()), False, console)
    for row in folder.failures():
        console.print(
            f"[bold red]failed:[/] {escape(f'{row.suite} {row.algo}')} seed {row.seed}, exit code {row.exit_code}"
        )
    tell_left_out(folder, console)
    console.print(f"report: {page}", soft_wrap=True, markup=False)


def tell_left_out(folder: Folder, console: Console) -> None:
    """Say what the tables do not show, and what to know of what they show."""
    for problem in folder.left_out():
        console.print(f"[bold red]left out:[/] {escape(problem)}", soft_wrap=True)
    for note in folder.notes():
        console.print(f"note: {note}", soft_wrap=True, markup=False)


def _print(lines: list[Summary], as_json: bool, console: Console) -> None:
    if as_json:
        for line in lines:
            print(json.dumps(line.as_json()))
        return
    for suite, group in groupby(lines, key=lambda line: line.suite):
        found = list(group)
        console.print(tables.terminal(suite, found, terminal_columns(found)))
    if not lines:
        console.print("no results yet")
