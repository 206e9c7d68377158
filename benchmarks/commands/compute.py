"""Success of a model against test-time compute: alone, by search and by attempts, beside a search without it."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.text import Text

from benchmarks.commands import arguments
from benchmarks.protocol import records
from benchmarks.protocol.provenance import set_threads
from benchmarks.protocol.rows import UNIFORM, ComputeRow
from benchmarks.protocol.suites import pool, suite
from benchmarks.reporting import tables
from benchmarks.running import models

THREADS = 1
ROWS = "compute.jsonl"
SHOWN = ("guide", "solver", "solved", "95% interval", "mean calls", "inner steps", "checks")
"""Heads of the columns that a terminal shows."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("model", type=arguments.model_file, metavar="MODEL", help="a saved model.zip, or zoo:NAME")
    parser.add_argument("--suite", required=True, help="its test pool is searched")
    parser.add_argument(
        "--budgets",
        type=arguments.budgets,
        default=arguments.budgets("0,10,25,50,100,200,300"),
        metavar="N,N",
        help="network calls a puzzle of a search; 0 = the policy alone (default: 0,10,25,50,100,200,300)",
    )
    parser.add_argument(
        "--attempts",
        type=arguments.counts,
        default=arguments.counts("8,32,127"),
        metavar="N,N",
        help="attempts a puzzle (default: 8,32,127)",
    )
    parser.add_argument("--limit", type=arguments.positive, metavar="K", help="only the first K puzzles")
    parser.add_argument("--unroll", type=arguments.positive, metavar="N", help="inner steps of a recursive network")
    parser.add_argument("--algo", help="the model's method, where the file does not tell")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help=f"{ROWS} (added to) and figures")
    arguments.add_contestants(parser)


def run(options: argparse.Namespace) -> int:
    """Measure, append the rows, draw every figure of the suite's rows anew."""
    # Before anything loads numeric libraries: they read these once.
    set_threads(THREADS)
    from benchmarks.studies.compute import Guide, measure, plans_of, uniform_plans

    contestants, row = arguments.contestants(options.contestants), suite(options.suite)
    method, _ = models.trained(options.model, contestants, options.algo)
    row = row._replace(env_kwargs=method.env_kwargs_for(row.env_kwargs))
    puzzles = pool(row.env_id, row.env_kwargs, "test")
    puzzles = puzzles._replace(instances=puzzles.instances[: options.limit])
    model = method.load(str(options.model), row.env_id, row.env_kwargs)
    guide = Guide(options.model.name, method.name, options.unroll)
    common = THREADS, options.command_line
    plans = plans_of(method, model, row.env_id, options.budgets, options.attempts, options.unroll)
    rows = measure(row, puzzles, guide, plans, *common)
    rows += measure(row, puzzles, Guide(UNIFORM), uniform_plans(options.budgets), *common)
    for one in rows:
        records.append(options.out / ROWS, one)
    _draw(options.out, rows[0])
    _show(rows)
    return 0


def _draw(out: Path, last: ComputeRow) -> None:
    """Figures of all rows, old ones too, of this suite and these puzzles."""
    from benchmarks.reporting.plots import as_png, as_svg, compute_curves

    known = records.latest(records.read(out / ROWS, ComputeRow))
    figure = compute_curves([r for r in known if (r.suite, r.pool_sha256) == (last.suite, last.pool_sha256)])
    records.write_atomically(out / f"{last.suite}.svg", as_svg(figure))
    records.write_atomically(out / f"{last.suite}.png", as_png(figure))


def _show(rows: list[ComputeRow]) -> None:
    table = tables.narrow(f"{rows[0].suite}, {rows[0].n} test puzzles", SHOWN)
    for row in rows:
        table.add_row(*(Text(tables.COMPUTE_COLUMNS[head](row)) for head in SHOWN))
    Console().print(table)
