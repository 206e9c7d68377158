"""Train methods on suites at equal environment steps, score them on held-out puzzles, and report."""

from __future__ import annotations

import argparse
import signal
from collections import Counter
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.commands import arguments, launching
from benchmarks.commands.report import show
from benchmarks.protocol.folder import Cell, Folder
from benchmarks.protocol.provenance import provenance
from benchmarks.running.launcher import Launcher
from benchmarks.running.runner import Runner, plan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--suite", type=arguments.names, required=True, metavar="S[,S2]", help="suites")
    parser.add_argument(
        "--algos",
        type=arguments.names,
        required=True,
        metavar="A[,B]",
        help="methods to train, with settings (ROW@SETTING=VALUE) or a solver (ROW+attempts=127)",
    )
    parser.add_argument("--seeds", type=arguments.seeds, default=[0, 1, 2, 3, 4], help="training seeds (default: 0-4)")
    parser.add_argument("--steps", type=arguments.positive, help="environment steps a cell (default: the suite's)")
    launching.add_arguments(parser, "cells")
    parser.add_argument(
        "--no-stage0",
        dest="stage0",
        action="store_false",
        help="leave out the trained reference line, which costs as much as a method: the tables then lack it",
    )
    parser.add_argument("--threads", type=arguments.positive, default=1, help="threads a cell (default: 1)")
    parser.add_argument("--out", type=Path, required=True, help="a new folder for rows, models and the report")
    parser.add_argument("--resume", action="store_true", help="go on in an existing folder; finished cells are kept")
    parser.add_argument("--dry-run", action="store_true", help="print the plan, train nothing and write nothing")
    arguments.add_points(parser)
    arguments.add_contestants(parser)


def run(options: argparse.Namespace) -> int:
    """Run every unfinished cell; 1 where one failed, 130 where it was interrupted."""
    console = Console(soft_wrap=False)
    folder = Folder(options.out)
    contestants = arguments.contestants(options.contestants)
    cells = plan(contestants, options.suite, options.algos, options.seeds, options.steps, options.stage0)
    if folder.root.exists() and not options.resume and not options.dry_run:
        raise ValueError(f"{options.out} exists already: add --resume to go on with it, or name another folder")
    if options.dry_run:
        _show_plan(console, cells, folder)
        return 0
    ended: list[int] = []
    try:
        with launching.launched(options, folder.root) as launcher:
            ended = _end_politely()
            failed = _runner(options, folder, launcher, console).run(cells, options.workers, _about(options))
    except (KeyboardInterrupt, OSError) as error:
        # A terminal that was closed shows nothing any more, progress included.
        if isinstance(error, OSError) and not ended:
            raise
        with suppress(OSError):
            console.print(
                f"[yellow]interrupted:[/] the same command with --resume goes on in {escape(str(options.out))}"
            )
        return 130
    show(folder, console)
    if failed:
        console.print(f"[bold red]{failed} cells failed[/]: see the report; --resume tries them again")
    return 1 if failed else 0


def _runner(options: argparse.Namespace, folder: Folder, launcher: Launcher, console: Console) -> Runner:
    words = ["--points", str(options.points), "--contestants", options.contestants]
    return Runner(folder, launcher, words, console, options.threads)


def _end_politely() -> list[int]:
    """Let a polite kill and a closed terminal end the run as Ctrl-C does: its cells too, everything resumable.

    Returns:
        the signal that has ended it, once there is one.
    """
    seen: list[int] = []
    polite = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) != signal.SIG_IGN]

    def end(number: int, frame: FrameType | None) -> None:
        # Once: a second one must not disturb the ending of cells. What nohup lets a run ignore stays ignored.
        for one in polite:
            signal.signal(one, signal.SIG_IGN)
        seen.append(number)
        raise KeyboardInterrupt

    for number in polite:
        signal.signal(number, end)
    return seen


def _about(options: argparse.Namespace) -> dict[str, Any]:
    asked = {"command": options.command_line, "threads": options.threads, "workers": options.workers}
    return {**asked, **provenance()._asdict(), "launcher": options.launcher}


def _show_plan(console: Console, cells: list[Cell], folder: Folder) -> None:
    done = {row.key for row in folder.results()}
    table = Table("suite", "algorithm", "seeds", "steps a seed", "finished", title="Plan", title_justify="left")
    groups = Counter((cell.suite, cell.algo, cell.steps) for cell in cells)
    finished = Counter((cell.suite, cell.algo, cell.steps) for cell in cells if cell.key in done)
    for (suite, algo, steps), seeds in groups.items():
        budget = str(steps) if steps else "no training"
        table.add_row(escape(suite), escape(algo), str(seeds), budget, str(finished[suite, algo, steps]))
    console.print(table)
    models = {cell.trained for cell in cells if cell.key not in done}
    total = sum(model.steps for model in models if model.key not in done)
    console.print(f"{len(cells)} cells, {finished.total()} finished, {total} environment steps to make")
