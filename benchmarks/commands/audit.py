"""Train the exact mixture and hold every conservative step against exact returns on enumerated instances."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from benchmarks.commands import arguments
from benchmarks.protocol import records
from benchmarks.protocol.provenance import provenance

AUDITED = ("upi_trm-exact", "upi_trm-survival")
"""Rows that are audited with an exact mixture."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("out", type=Path, metavar="FILE", help="a .jsonl file of rows; runs that it has are kept")
    parser.add_argument("--algo", choices=AUDITED, default=AUDITED[0], help=f"a row (default: {AUDITED[0]})")
    parser.add_argument("--alpha", type=step_sizes, default=["safe", 0.3], help="step sizes (default: safe,0.3)")
    parser.add_argument("--suite", default="sudoku-4x4-easy", help="a suite (default: sudoku-4x4-easy)")
    parser.add_argument("--seeds", type=arguments.seeds, default=[0, 1, 2], help="training seeds (default: 0-2)")
    parser.add_argument("--steps", type=arguments.positive, default=8_000, help="environment steps (default: 8000)")
    parser.add_argument("--n-steps", type=arguments.positive, default=25, help="of an environment a promotion")
    parser.add_argument("--capacity", type=arguments.positive, default=16, help="snapshots kept (default: 16)")
    parser.add_argument("--blanks", type=arguments.budgets, default=[2, 3], help="audited puzzles (default: 2,3)")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write all rows to a file too")


def step_sizes(text: str) -> list[float | str]:
    """`safe,0.3` -> ["safe", 0.3]."""
    try:
        return [part if part == "safe" else float(part) for part in arguments.names(text)]
    except ValueError:
        raise argparse.ArgumentTypeError(f"step sizes are numbers or 'safe', got {text!r}") from None


def run(options: argparse.Namespace) -> int:
    """Make the runs that are missing; 1 where a step rose by less than it was certified to."""
    import torch

    from benchmarks.studies.audits import AuditRow, Plan, audit

    torch.set_num_threads(1)
    console, origin = Console(soft_wrap=True), provenance()
    commit = origin.commit + ("+" if origin.dirty else "")
    for alpha in options.alpha:
        for seed in options.seeds:
            done = {row.key[:6] for row in records.read(options.out, AuditRow)}
            if (options.algo, options.suite, str(alpha), options.capacity, seed, options.steps) in done:
                continue
            plan = Plan(
                options.algo,
                options.suite,
                alpha,
                seed,
                options.steps,
                options.n_steps,
                options.capacity,
                tuple(options.blanks),
            )
            for row in audit(plan, commit):
                records.append(options.out, row)
            console.print(f"[green]audited[/] alpha {alpha}, seed {seed}")
    rows = records.latest(records.read(options.out, AuditRow))
    from benchmarks.studies.theory_tables import steps, violated

    console.print(steps(rows), markup=False)
    if options.csv is not None:
        records.write_atomically(options.csv, records.to_csv(rows, AuditRow))
    return 1 if any(violated(row) for row in rows) else 0
