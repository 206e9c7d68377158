"""Run the cells that score one model, or all seeds of a reference line: what `run` starts, one process each."""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

from benchmarks.commands import arguments
from benchmarks.protocol.folder import Cell, Folder
from benchmarks.protocol.provenance import set_threads
from benchmarks.running.guard import alone, stop_without_runner


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--suite", required=True)
    parser.add_argument("--algos", type=arguments.names, required=True, help="lines of one model")
    parser.add_argument("--kind", choices=("method", "line"), required=True)
    parser.add_argument("--seeds", type=arguments.seeds, required=True)
    parser.add_argument("--steps", type=int, required=True, help="environment steps; 0 for a reference line")
    parser.add_argument("--threads", type=arguments.positive, default=1)
    parser.add_argument("--asked-with", default="", metavar="COMMAND", help="what its rows say that they come from")
    arguments.add_points(parser)
    arguments.add_contestants(parser)


def run(options: argparse.Namespace) -> int:
    """Train and score; a failure is an exception, whose traceback ends up in the log."""
    # Before anything loads numeric libraries: they read these once.
    set_threads(options.threads)
    stop_without_runner()
    from benchmarks.running.cell import describe, run_cell

    folder = Folder(options.out)
    contestants = arguments.contestants(options.contestants)
    for algo, seed in product(options.algos, options.seeds):
        cell = Cell(options.suite, algo, seed, options.steps, options.kind)
        with alone(folder.lock_cell(cell, "cell"), str(cell)):
            # Whoever held the lock may have finished it.
            if cell.key not in {row.key for row in folder.results()}:
                row = run_cell(cell, folder, contestants, options.threads, options.asked_with, options.points)
                print(describe(row), flush=True)
    return 0
