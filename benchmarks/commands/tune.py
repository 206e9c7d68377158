"""Tune methods: the same number of trials each, scored on a suite's validation pool."""

from __future__ import annotations

import argparse
from pathlib import Path

from filelock import FileLock, Timeout
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from benchmarks.commands import arguments
from benchmarks.protocol import records, sums
from benchmarks.protocol.provenance import set_threads
from benchmarks.protocol.published import PUBLISHED
from benchmarks.protocol.rows import TuningRow
from benchmarks.protocol.trials import Trial, trials
from benchmarks.reporting import tables
from benchmarks.running.tuning import Tuning

ROWS = "tuning.jsonl"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--algos", type=arguments.names, required=True, metavar="A[,B]", help="methods to tune")
    parser.add_argument("--suite", default="sudoku-4x4-minimal", help="default: sudoku-4x4-minimal")
    parser.add_argument("--trials", type=arguments.positive, default=8, help="trials a method (default: 8)")
    parser.add_argument("--steps", type=arguments.positive, default=20_000, help="a trial (default: 20000)")
    parser.add_argument("--seed", type=arguments.not_negative, default=0, help="of models and sampler (default: 0)")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help=f"{ROWS}: trials in it are kept, others are run"
    )
    parser.add_argument(
        "--publish",
        type=arguments.published_name,
        metavar="NAME",
        help="then copy all rows to benchmarks/published/NAME.csv",
    )
    arguments.add_contestants(parser)


def run(options: argparse.Namespace) -> int:
    """Run the trials that are missing, one after the other."""
    # Before anything loads numeric libraries: they read these once.
    set_threads(1)
    contestants = arguments.contestants(options.contestants)
    tuning = Tuning(contestants, options.suite, options.steps, options.seed, options.command_line)
    console, path = Console(), options.out / ROWS
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        # Two at a time would run the same trials.
        with FileLock(options.out / "tune.lock", timeout=0):
            _tune_all(options, tuning, path, console)
    except Timeout:
        raise ValueError(
            f"another tuning is under way in {options.out}: wait for it or end it, or name another folder"
        ) from None
    rows = records.latest(records.read(path, TuningRow))
    _show([one for one in trials(rows) if one.used], console)
    if options.publish:
        _publish(rows, options.publish)
    return 0


def _tune_all(options: argparse.Namespace, tuning: Tuning, path: Path, console: Console) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("steps"))
    with Progress(*columns, TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), console=console) as bars:
        for algo in options.algos:
            _tune(algo, tuning, options.trials, path, bars)


def _tune(algo: str, tuning: Tuning, wanted: int, path: Path, bars: Progress) -> None:
    """Run the missing trials of one method, under a bar of its own."""
    tried = _tried(path, tuning, algo)
    bar = bars.add_task(escape(algo), total=wanted * tuning.steps, completed=len(tried) * tuning.steps)
    while len(tried) < wanted:
        before = len(tried) * tuning.steps

        def show(made: int, before: int = before) -> None:
            bars.update(bar, completed=before + min(made, tuning.steps))

        tried.append(tuning.run(algo, tried, show))
        records.append(path, tried[-1])


def _tried(path: Path, tuning: Tuning, algo: str) -> list[TuningRow]:
    """Rows of the method's trials under these conditions, in order."""
    rows = records.latest(records.read(path, TuningRow))
    mine = (tuning.suite, algo, tuning.seed, tuning.steps)
    return sorted((row for row in rows if row.key[:-1] == mine), key=lambda row: row.trial)


def _show(found: list[Trial], console: Console) -> None:
    table = Table(*tables.TUNING_COLUMNS, title="The best trial of each method", title_justify="left")
    for one in found:
        table.add_row(*(cell(one) for cell in tables.TUNING_COLUMNS.values()))
    console.print(table)


def _publish(rows: list[TuningRow], name: str) -> None:
    counts = {algo: sum(row.algo == algo for row in rows) for algo in dict.fromkeys(row.algo for row in rows)}
    if len(set(counts.values())) != 1:
        raise ValueError(f"methods must have had as many trials as any other, not {counts}: run the missing ones")
    records.write_atomically(PUBLISHED / f"{name}.csv", records.to_csv(rows, TuningRow))
    sums.seal(PUBLISHED, [f"{name}.csv"])
