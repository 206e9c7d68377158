"""Train networks with labels to mark the one path of perfect mazes, and score how many mazes they mark right."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from benchmarks.commands import arguments
from benchmarks.protocol import records
from benchmarks.protocol.provenance import provenance, set_threads
from benchmarks.protocol.study_rows import PathsRow

THREADS = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE.jsonl",
        help="rows, appended; those that are there are not made again",
    )
    parser.add_argument(
        "--networks", type=arguments.names, metavar="NAMES", help="names with commas between; default: all"
    )
    parser.add_argument("--seeds", type=arguments.seeds, default=[0, 1, 2, 3, 4], metavar="SEEDS", help="like 0-4")
    parser.add_argument("--updates", type=arguments.positive, default=2_000, help="gradient steps of each network")
    parser.add_argument("--side", type=arguments.positive, default=9, help="of the training mazes")
    parser.add_argument(
        "--sides",
        type=arguments.seeds,
        default=[9, 11, 15],
        metavar="SIDES",
        help="of the mazes that are scored, like 9,15",
    )
    parser.add_argument("--split", choices=("validation", "test"), default="validation", help="mazes that are scored")


def run(options: argparse.Namespace) -> int:
    """Train and score what has no rows yet, then show all rows of the file."""
    set_threads(THREADS)
    import torch

    from benchmarks.studies.paths import NETWORKS

    torch.set_num_threads(THREADS)
    names = list(NETWORKS) if options.networks is None else options.networks
    if unknown := [name for name in names if name not in NETWORKS]:
        raise ValueError(f"unknown network {unknown[0]!r}; known networks: {', '.join(NETWORKS)}")
    done = {_cell(row) for row in records.read(options.out, PathsRow)}
    for name in names:
        for seed in options.seeds:
            if (name, seed, options.updates, options.side, options.split) not in done:
                _measure(name, seed, options)
    _show(records.latest(records.read(options.out, PathsRow)))
    return 0


def _cell(row: PathsRow) -> tuple[str, int, int, int, str]:
    return row.network, row.seed, row.updates, row.trained_on, row.split


def _measure(name: str, seed: int, options: argparse.Namespace) -> None:
    """Append the rows of one network."""
    from benchmarks.studies.paths import measured
    from trm_agents.supervised import Fit

    # All rows of a network are written at once: what has one row has them all.
    found = list(measured(name, seed, Fit(updates=options.updates), options.side, options.sides, options.split))
    for each in found:
        row = PathsRow(
            network=name,
            seed=seed,
            updates=options.updates,
            trained_on=options.side,
            weights=each.weights,
            depth=each.depth,
            side=each.side,
            split=options.split,
            cycles=each.cycles,
            mean_cycles=float(each.score.cycles.mean()),
            n=len(each.score.exact),
            exact=int(each.score.exact.sum()),
            cells=each.score.cells,
            cpu_seconds=round(each.cpu_seconds, 1),
            pool_sha256=each.pool_sha256,
            threads=THREADS,
            command=options.command_line,
            **provenance()._asdict(),
        )
        records.append(options.out, row)


def _show(rows: list[PathsRow]) -> None:
    """Exact match of every network, mazes and cycles, mean over seeds."""
    heads = ("weights", "depth", "mazes", "cycles", "exact, %", "lowest to highest", "cells, %", "seeds")
    table = Table(Column("network", no_wrap=True), *heads)
    groups: dict[tuple[str, int, str], list[PathsRow]] = {}
    for row in rows:
        groups.setdefault((row.network, row.side, row.cycles), []).append(row)
    for (name, side, cycles), group in groups.items():
        shares = [100.0 * row.exact / row.n for row in group]
        cells = 100.0 * sum(row.cells for row in group) / len(group)
        table.add_row(
            name,
            f"{group[0].weights:,}",
            str(group[0].depth),
            f"{side}x{side}",
            cycles,
            f"{sum(shares) / len(shares):.1f}",
            f"{min(shares):.1f} to {max(shares):.1f}",
            f"{cells:.1f}",
            str(len(group)),
        )
    Console().print(table)
