"""Score a model of one size of puzzle on suites of other sizes as it is, and time an inner step there."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from benchmarks.commands import arguments
from benchmarks.protocol import records
from benchmarks.protocol.provenance import set_threads
from benchmarks.protocol.suites import pool, suite
from benchmarks.reporting import growth_page, tables
from benchmarks.running import models

THREADS = 1
SHOWN = ("suite", "line", "success", "n", "network calls", "inner steps", "s a puzzle")
"""Heads of the columns that a terminal shows."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("model", type=arguments.model_file, metavar="MODEL", help="a saved model.zip, or zoo:NAME")
    parser.add_argument("--suites", type=arguments.names, required=True, metavar="A[,B]", help="their test pools")
    parser.add_argument(
        "--attempts", type=arguments.counts, default=[8], metavar="N[,N2]", help="further attempts (default: 8)"
    )
    parser.add_argument("--limit", type=arguments.positive, metavar="K", help="only the first K puzzles of each pool")
    parser.add_argument("--algo", help="the model's method, where the file does not tell")
    parser.add_argument("--out", type=Path, metavar="FILE.jsonl", help="append the rows to a file, to publish them")
    arguments.add_contestants(parser)


def run(options: argparse.Namespace) -> int:
    """Measure, print and, where asked for, append.

    Raises:
        ValueError: the model is none of HindsightTRM, or its weights have the size of its environment.
    """
    # Before anything loads numeric libraries: they read these once.
    set_threads(THREADS)
    import torch

    from benchmarks.studies.growth import carried, measure

    torch.set_num_threads(THREADS)
    contestants = arguments.contestants(options.contestants)
    method, trained_with = models.trained(options.model, contestants, options.algo)
    label = models.label_of(options.model)
    if label is None or method.family != "hindsight":
        raise ValueError(f"{options.model.name} is no model of HindsightTRM that says where it was trained: take one")
    model = method.load(str(options.model), label.env_id, trained_with)
    table = tables.narrow(options.model.stem, SHOWN)
    about = {"agent": options.model.stem, "threads": THREADS, "command": options.command_line}
    for name in options.suites:
        row = suite(name)
        row = row._replace(env_kwargs=method.env_kwargs_for(row.env_kwargs))
        puzzles = pool(row.env_id, row.env_kwargs, "test")
        puzzles = puzzles._replace(instances=puzzles.instances[: options.limit])
        there = carried(method, model, label.env_id, row)
        for one in measure(method, there, label.env_id, row, puzzles, options.attempts, **about):
            table.add_row(*(growth_page.COLUMNS[head](one) for head in SHOWN))
            if options.out:
                records.append(options.out, one)
    Console().print(table)
    return 0
