"""Time planning by a model, by the lines of its system and by IPOPT, in one run on one thread."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from benchmarks.commands import arguments
from benchmarks.protocol import records
from benchmarks.protocol.control import ControlPool
from benchmarks.protocol.provenance import set_threads
from benchmarks.protocol.suites import scored_pool, suite
from benchmarks.reporting import study_tables, tables
from benchmarks.running import models

THREADS = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("model", type=arguments.model_file, metavar="MODEL", help="a saved model.zip, or zoo:NAME")
    parser.add_argument("--suite", required=True, help="its test states are planned for")
    parser.add_argument(
        "--edits", type=arguments.counts, default=[2, 20], metavar="N[,N2]", help="of the model's plans (default: 2,20)"
    )
    parser.add_argument("--algo", help="the model's method, where the file does not tell")
    parser.add_argument("--out", type=Path, metavar="FILE.jsonl", help="append the rows to a file, to publish them")
    arguments.add_contestants(parser)


def run(options: argparse.Namespace) -> int:
    """Measure, print and, where asked for, append.

    Raises:
        ValueError: the suite is of no system.
    """
    # Before anything loads numeric libraries: they read these once.
    set_threads(THREADS)
    import torch

    from baselines import ControlMethod
    from benchmarks.studies.planning import entries, measure

    torch.set_num_threads(THREADS)
    row, contestants = suite(options.suite), arguments.contestants(options.contestants)
    pool = scored_pool(row.env_id, row.env_kwargs, "test")
    method, _ = models.trained(options.model, contestants, options.algo)
    if not isinstance(pool, ControlPool) or not isinstance(method, ControlMethod):
        raise ValueError(f"{options.suite} is a suite of puzzles: choose one of a system, such as control-vdp")
    planner = method.planner(method.load(str(options.model), row.env_id, row.env_kwargs), pool.mdp)
    table = tables.narrow(options.suite, list(study_tables.PLANNING_COLUMNS))
    found = entries(row.env_id, pool, options.model.stem, planner, options.edits)
    for one in measure(options.suite, pool, found, THREADS, options.command_line):
        table.add_row(*(cell(one) for cell in study_tables.PLANNING_COLUMNS.values()))
        if options.out:
            records.append(options.out, one)
    Console().print(table)
    return 0
