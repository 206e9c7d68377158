"""Measure launchers: cells an hour, what each adds to a cell, what travels over the network."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.commands import arguments, launching
from benchmarks.protocol import records
from benchmarks.protocol.folder import Cell, Folder
from benchmarks.protocol.provenance import provenance
from benchmarks.protocol.study_rows import ScalingRow
from benchmarks.reporting.study_tables import SCALING_COLUMNS
from benchmarks.running import scaling

SUITE, ALGO, STEPS = "sudoku-4x4-easy", "hindsight_trm@min_buffer_size=100", 1_000
"""A short cell that learns."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--launchers", type=arguments.names, default=["local", "ray"], metavar="L[,L2]", help="default: local,ray"
    )
    parser.add_argument("--counts", type=arguments.counts, default=[1, 2], metavar="N[,N2]", help="workers: 1,2")
    parser.add_argument("--cells", type=arguments.positive, default=8, help="of each measurement (default: 8)")
    parser.add_argument("--steps", type=arguments.positive, default=STEPS, help=f"of a cell (default: {STEPS})")
    parser.add_argument("--out", type=Path, metavar="FILE.jsonl", help="append the rows to a file, to publish them")


def run(options: argparse.Namespace) -> int:
    """Measure, print and, where asked for, append to a file."""
    if unknown := set(options.launchers) - set(launching.LAUNCHERS):
        raise ValueError(f"unknown launchers {sorted(unknown)}; known ones: {', '.join(launching.LAUNCHERS)}")
    rows = []
    for launcher in options.launchers:
        for workers in options.counts:
            rows.append(_measured(options, launcher, workers))
            if options.out:
                records.append(options.out, rows[-1])
    table = Table(*SCALING_COLUMNS, title="Launchers", title_justify="left")
    for row in rows:
        table.add_row(*(cell(row) for cell in SCALING_COLUMNS.values()))
    Console().print(table)
    return 0


def _measured(options: argparse.Namespace, name: str, workers: int) -> ScalingRow:
    """The row of a launcher, which runs on this machine alone and ends again."""
    here = argparse.Namespace(launcher=name, ray_address="local", ray_code="there", slurm={"cluster": "local"})
    cells = [Cell(SUITE, ALGO, seed, options.steps) for seed in range(options.cells)]
    with tempfile.TemporaryDirectory(prefix="scaling-") as place:
        folder, since = Folder(Path(place)), time.perf_counter()
        with launching.launched(here, folder.root) as launcher:
            cost = scaling.cost_of(launcher, since, folder, cells, workers)
            sent, received = launcher.traffic()
    return ScalingRow(
        launcher=name,
        workers=workers,
        suite=SUITE,
        algo=ALGO,
        steps=options.steps,
        cells=len(cells),
        start_s=round(cost.start_s, 2),
        wall_s=round(cost.wall_s, 1),
        cells_per_hour=round(3600 * len(cells) / cost.wall_s, 1),
        overhead_s=round(max(0.0, cost.overhead_s), 3),
        sent_bytes=round(sent / len(cells)),
        received_bytes=round(received / len(cells)),
        model_bytes=cost.model_bytes,
        threads=1,
        command=options.command_line,
        **provenance()._asdict(),
    )
