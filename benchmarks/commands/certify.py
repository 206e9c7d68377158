"""Solve small instances exactly and hold every term of every bound of the theory against the truth."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.commands import arguments
from benchmarks.protocol import records
from benchmarks.protocol.provenance import provenance
from benchmarks.protocol.suites import SUITES, Pool, pool, suite
from benchmarks.running import models

if TYPE_CHECKING:
    from benchmarks.studies.certificates import CertificateRow, Task
    from trm_agents.theory.ledger import Violation


SYNTHETIC = "synthetic"
"""In place of a model: random MDPs with a contracting recursion."""

CHECKED = (0.0, 0.01, 0.1, 0.3, 1.0)
"""Step sizes at which the bounds of an instance are checked, beside the one that is shown."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "model",
        type=arguments.model_file,
        metavar="MODEL",
        help="a saved UPITRM or HindsightTRM, zoo:NAME, or synthetic",
    )
    parser.add_argument("--instances", type=arguments.positive, default=20, metavar="K", help="how many (default: 20)")
    parser.add_argument(
        "--suite", choices=SUITES, default="sudoku-4x4-easy", help="whose test pool (default: sudoku-4x4-easy)"
    )
    parser.add_argument("--env", metavar="ID", help="environment id, where it is not the suite's")
    parser.add_argument("--puzzles", type=Path, metavar="FILE", help="puzzles of your own in place of the test pool")
    parser.add_argument("--blanks", type=arguments.positive, metavar="B", help="instances with B editable cells alone")
    parser.add_argument("--max-edits", type=arguments.positive, metavar="T", help="edit budget (default: one a cell)")
    parser.add_argument("--depth", type=arguments.positive, metavar="M", help="deepest m (default: 2 n)")
    parser.add_argument("--horizon", type=arguments.positive, metavar="K", help="Bellman steps (default: the model's)")
    parser.add_argument("--beta", type=float, default=4.0, help="inverse temperature of the candidate (default: 4)")
    parser.add_argument("--alpha", type=float, default=0.1, help="step size that is shown (default: 0.1)")
    parser.add_argument(
        "--max-states",
        type=arguments.positive,
        default=400_000,
        metavar="S",
        help="leave out instances that reach more states",
    )
    parser.add_argument("--name", help="what rows call the model (default: its file)")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the rows to a file too")
    parser.add_argument("--json", action="store_true", help="one JSON object and nothing else")
    arguments.add_contestants(parser)


def run(options: argparse.Namespace) -> int:
    """Certify and print; 1 where a bound is violated."""
    if str(options.model) == SYNTHETIC:
        return _synthetic(options)
    contestants = arguments.contestants(options.contestants)
    if not 0.0 <= options.alpha <= 1.0 or not options.beta > 0.0:
        raise ValueError(f"alpha must be within [0, 1] and beta positive, got {options.alpha} and {options.beta}")
    method, trained_with = models.trained(options.model, contestants)
    env_id, puzzles = _puzzles(options, trained_with.get("legal_actions", "givens"))
    from benchmarks.studies.certificates import CertificateRow, certificates

    task = _task(options, method.load(str(options.model), env_id, {}), method.name, env_id)
    console = Console(stderr=True, quiet=options.json)
    total = min(options.instances, len(puzzles.instances))
    found = list(track(certificates(task, puzzles, total), "certifying", total, console=console))
    if not found:
        kind = "" if options.blanks is None else f" with {options.blanks} editable cells"
        raise ValueError(
            f"no instance{kind} reaches at most {options.max_states:,} states: see --suite and --max-states"
        )
    rows, violations = [row for row, _ in found], [(row.instance, v) for row, bad in found for v in bad]
    if options.csv is not None:
        records.write_atomically(options.csv, records.to_csv(rows, CertificateRow))
    if options.json:
        print(json.dumps(_object(rows, violations)))
    else:
        _show(rows, violations)
    return 1 if violations else 0


def _puzzles(options: argparse.Namespace, level: str) -> tuple[str, Pool]:
    """The environment and its instances: the user's own, or a test pool."""
    row = suite(options.suite)
    env_id = row.env_id if options.env is None else options.env
    budget = {} if options.max_edits is None else {"max_edits": options.max_edits}
    rules = {"legal_actions": level, **budget}
    if options.puzzles is not None:
        return env_id, pool(env_id, {"puzzles": options.puzzles, **rules})
    return env_id, pool(env_id, {**(row.env_kwargs if env_id == row.env_id else {}), **rules}, "test")


def _task(options: argparse.Namespace, model: Any, algo: str, env_id: str) -> Task:
    from benchmarks.studies.certificates import Task
    from trm_agents.theory.improvement_checks import Improvement

    unroll, horizon = getattr(model, "unroll", 1), getattr(getattr(model, "target", None), "horizon", None)
    if options.depth and options.depth < unroll:
        raise ValueError(
            f"--depth {options.depth} is below the n = {unroll} inner steps that the model was trained with"
        )
    origin = provenance()
    return Task(
        model,
        options.name or options.model.stem,
        algo,
        env_id,
        origin.commit + ("+" if origin.dirty else ""),
        options.depth or 2 * unroll,
        options.horizon or horizon or 1,
        Improvement(options.beta, options.alpha, CHECKED),
        options.max_states,
        options.blanks,
    )


def _synthetic(options: argparse.Namespace) -> int:
    from benchmarks.studies.synthetic_check import SyntheticRow, check, text

    rows, violations = check(seed=0)
    if options.csv is not None:
        records.write_atomically(options.csv, records.to_csv(rows, SyntheticRow))
    if options.json:
        print(json.dumps({"rows": [_plain(row) for row in rows], "violations": len(violations)}))
    else:
        print(text(rows, violations))
    return 1 if violations else 0


def _plain(row: Any) -> dict[str, Any]:
    """A row as JSON, which has no infinity: a bound that is not certified is null."""
    found = dataclasses.asdict(row)
    return {key: None if isinstance(v, float) and not math.isfinite(v) else v for key, v in found.items()}


def _object(rows: list[CertificateRow], violations: list[tuple[int, Violation]]) -> dict[str, Any]:
    """What `--json` prints."""
    from trm_agents.theory.ledger import ROUNDINGS

    return {
        "rows": [_plain(row) for row in rows],
        "instances": len(rows),
        "states": sum(row.states for row in rows),
        "checks": sum(row.checks for row in rows),
        "violations": len(violations),
        "violated": [{"instance": index, **v._asdict()} for index, v in violations],
        "tolerance_roundings": ROUNDINGS,
    }


def _show(rows: list[CertificateRow], violations: list[tuple[int, Violation]]) -> None:
    from benchmarks.studies.certificate_tables import lines

    console = Console()
    first = rows[0]
    table = Table("quantity", "actual", "bound", "bound / actual", "holds by", title_justify="left")
    table.title = (
        f"{first.model}, {len(rows)} instances: medians; n = {first.n}, m = {first.m}, K = {first.bootstrap_horizon}"
    )
    for line in lines(rows):
        table.add_row(*line)
    console.print(table)
    checks, states = sum(row.checks for row in rows), sum(row.states for row in rows)
    console.print(f"{checks:,} checks on {states:,} states, {len(violations)} violations")
    for index, violation in violations[:20]:
        console.print(f"[bold red]VIOLATED[/] instance {index}: {violation}", soft_wrap=True)
