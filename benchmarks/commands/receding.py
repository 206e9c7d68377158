"""Control a system in closed loop by a model that edits plans, and count what breaks the promises of stability."""

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
SHOWN = ("editor", "test", "noise", "steps", "edits accepted", "violations")
"""Heads of the columns that a terminal shows."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("model", type=arguments.model_file, metavar="MODEL", help="a saved model.zip, or zoo:NAME")
    parser.add_argument("--suite", required=True, help="its test states are controlled")
    parser.add_argument("--steps", type=arguments.positive, default=100, help="of each state (default: 100)")
    parser.add_argument("--edits", type=arguments.positive, default=2, help="at each step (default: 2)")
    parser.add_argument(
        "--noises",
        type=_noises,
        default=[0.0, 0.0025],
        metavar="S[,S2]",
        help="standard deviations of what is added to both states after each step (default: 0,0.0025)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the noise (default: 0)")
    parser.add_argument("--limit", type=arguments.positive, metavar="K", help="only the first K states")
    parser.add_argument("--algo", help="the model's method, where the file does not tell")
    parser.add_argument("--out", type=Path, metavar="FILE.jsonl", help="append the rows to a file, to publish them")
    arguments.add_contestants(parser)


def _noises(text: str) -> list[float]:
    found = [float(part) for part in arguments.names(text)]
    if min(found) < 0.0:
        raise argparse.ArgumentTypeError(f"a standard deviation is not negative, got {text!r}")
    return found


def run(options: argparse.Namespace) -> int:
    """Control, print and, where asked for, append; 1 where a promise was broken under the test.

    Raises:
        ValueError: the suite is of no quadratic system, or its mu varies.
    """
    # Before anything loads numeric libraries: they read these once.
    set_threads(THREADS)
    import torch

    from benchmarks.studies.receding import Loop, measure

    torch.set_num_threads(THREADS)
    row, contestants = suite(options.suite), arguments.contestants(options.contestants)
    pool = scored_pool(row.env_id, row.env_kwargs, "test")
    if not isinstance(pool, ControlPool):
        raise ValueError(f"{options.suite} is a suite of puzzles: choose one of a system, such as control-vdp")
    pool = pool._replace(instances=pool.instances[: options.limit], optima=pool.optima[: options.limit])
    method, _ = models.trained(options.model, contestants, options.algo)
    model = method.load(str(options.model), row.env_id, row.env_kwargs)
    loops = [Loop(options.steps, options.edits, noise, options.seed) for noise in options.noises]
    table = tables.narrow(options.suite, SHOWN)
    broken = False
    for one in measure(options.suite, pool, model, options.model.stem, loops, THREADS, options.command_line):
        table.add_row(*(study_tables.RECEDING_COLUMNS[head](one) for head in SHOWN))
        broken = broken or (one.test and one.violations > 0)
        if options.out:
            records.append(options.out, one)
    Console().print(table)
    return int(broken)
