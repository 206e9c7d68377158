"""Train with each contraction, evaluate at 1 to 32 inner steps, and draw what theory predicts beside it."""

from __future__ import annotations

import argparse
import os
import signal
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from benchmarks.commands import arguments
from benchmarks.protocol import records
from benchmarks.protocol.folder import Cell, Folder
from benchmarks.protocol.provenance import provenance
from benchmarks.protocol.suites import pool, suite
from benchmarks.running.launcher import LocalLauncher
from benchmarks.running.runner import Runner, plan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    arguments.add_out(parser)
    parser.add_argument("--suite", default="sudoku-4x4-hard", help="a suite (default: sudoku-4x4-hard)")
    parser.add_argument(
        "--algos",
        type=arguments.names,
        metavar="A[,B]",
        help="methods that learn from hindsight, or variants of them (default: n = 2 with each contraction)",
    )
    parser.add_argument("--seeds", type=arguments.seeds, default=[0, 1, 2, 3, 4], help="training seeds (default: 0-4)")
    parser.add_argument("--steps", type=arguments.positive, help="environment steps a cell (default: the suite's)")
    parser.add_argument("--workers", type=arguments.positive, default=os.cpu_count() or 1, help="cells at a time")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the rows to a file too")
    parser.add_argument("--figure", type=Path, metavar="FILE", help="where the figure goes (default: OUT/depth.png)")


def run(options: argparse.Namespace) -> int:
    """Train and measure what is missing in the folder, then show all of it; 1 where a cell failed."""
    import baselines
    from benchmarks.studies.depth import variants

    console = Console(soft_wrap=True)
    folder = Folder(options.out)
    planned = plan(baselines, [options.suite], options.algos or variants(), options.seeds, options.steps, stage0=False)
    cells = [cell for cell in planned if cell.kind != "line"]
    about = {"command": options.command_line, **provenance()._asdict(), "workers": options.workers, "threads": 1}
    arguments_of_cells = ["--contestants", "baselines"]
    # A polite kill ends the run as Ctrl-C does: its cells too, everything resumable.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    failed = Runner(folder, LocalLauncher(), arguments_of_cells, console).run(cells, options.workers, about)
    _measure(folder, cells, console)
    _show(folder, options, console)
    return 1 if failed else 0


def _measure(folder: Folder, cells: list[Cell], console: Console) -> None:
    """Rows of every trained model that has none yet."""
    import torch

    import baselines
    from benchmarks.studies.depth import DepthRow, depths_for, measure
    from trm_agents import HindsightTRM

    torch.set_num_threads(1)
    file = folder.root / "depth.jsonl"
    done = {(row.suite, row.algo, row.seed, row.steps) for row in records.read(file, DepthRow)}
    origin = provenance()
    for cell in cells:
        path = folder.of_cell(cell) / "model.zip"
        if cell.key in done or not path.exists():
            continue
        row = suite(cell.suite)
        puzzles = pool(row.env_id, row.env_kwargs, "test")
        model = baselines.method(cell.algo).load(str(path), row.env_id, row.env_kwargs)
        assert isinstance(model, HindsightTRM)
        commit = origin.commit + ("+" if origin.dirty else "")
        depths = depths_for(model.unroll)
        for found in measure(model, cell.algo, puzzles, (cell.suite, cell.seed, cell.steps, commit), depths):
            records.append(file, found)
        console.print(f"[green]measured[/] {escape(str(cell))}")


def _show(folder: Folder, options: argparse.Namespace, console: Console) -> None:
    from benchmarks.reporting.plots import as_png
    from benchmarks.studies.depth import DepthRow
    from benchmarks.studies.depth_report import dial_table, figure, table

    rows = records.latest(records.read(folder.root / "depth.jsonl", DepthRow))
    if len({row.seed for row in rows}) < 2:
        console.print("intervals need two seeds at least: no table yet")
        return
    if options.algos:
        console.print(dial_table(rows), markup=False)
    else:
        console.print(table(rows), markup=False)
        records.write_atomically(options.figure or folder.root / "depth.png", as_png(figure(rows)))
    if options.csv is not None:
        records.write_atomically(options.csv, records.to_csv(rows, DepthRow))
