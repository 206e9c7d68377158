"""Tune methods: the same number of trials each, scored on a suite's validation pool."""

from __future__ import annotations

import argparse
from pathlib import Path

from filelock import FileLock, Timeout
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from benchmarks.commands import arguments, launching
from benchmarks.protocol import records, sums
from benchmarks.protocol.published import PUBLISHED
from benchmarks.protocol.rows import TuningRow
from benchmarks.protocol.trials import Trial, trials
from benchmarks.reporting import tables
from benchmarks.running.tuner import ROWS, Tuner, tried
from benchmarks.running.tuning import check_spaces


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
    launching.add_arguments(parser, "trials, of one method each,")
    arguments.add_contestants(parser)


def run(options: argparse.Namespace) -> int:
    """Run the trials that are missing."""
    console = Console()
    check_spaces(arguments.contestants(options.contestants), options.algos, options.suite)
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        # Two at a time would run the same trials.
        with FileLock(options.out / "tune.lock", timeout=0):
            _tune(options, console)
    except Timeout:
        raise ValueError(
            f"another tuning is under way in {options.out}: wait for it or end it, or name another folder"
        ) from None
    rows = records.latest(records.read(options.out / ROWS, TuningRow))
    _show([one for one in trials(rows) if one.used], console)
    if options.publish:
        _publish(rows, options.publish)
    return 0


def _tune(options: argparse.Namespace, console: Console) -> None:
    """Run the trials under a bar for each method."""
    keys = [(options.suite, algo, options.seed, options.steps) for algo in options.algos]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("steps"))
    shown = Progress(*columns, TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), console=console)
    with launching.launched(options, options.out) as launcher, shown as bars:
        total = options.trials * options.steps
        tasks = {
            key[1]: bars.add_task(escape(key[1]), total=total, completed=len(tried(options.out, key)) * options.steps)
            for key in keys
        }
        Tuner(
            options.out,
            launcher,
            keys,
            options.trials,
            options.command_line,
            options.contestants,
            lambda algo, made: bars.update(tasks[algo], completed=made),
        ).run(options.workers)


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
