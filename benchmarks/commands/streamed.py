"""`evaluate --stream`: the facts of a file that is scored piece by piece, with progress."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.protocol.stats import wilson_interval
from benchmarks.protocol.suites import Pool
from benchmarks.running import streaming
from trm_envs.reading import batches

DEPENDS_ON = (
    "env",
    "env_kwargs",
    "unroll",
    "tolerance",
    "attempts",
    "search",
    "max_edits",
    "legal_actions",
    "algo",
    "contestants",
)
"""Options that the result depends on, beside the model and the puzzles."""


def facts(options: argparse.Namespace, score: Callable[..., Any], shipped: Pool) -> tuple[dict[str, Any], int]:
    """What `evaluate` prints of a file, and the budget of edits.

    Args:
        options: of the command.
        score: `evaluate.score`, which workers call.
        shipped: a pool of the environment, whose MDP says how puzzles are written.
    """
    pieces = batches(options.puzzles, shipped.mdp.task.notation)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=options.json) as bars:
        bar = bars.add_task("puzzles", total=None)
        totals = streaming.stream(
            pieces,
            score,
            options,
            _asked(options),
            options.stream,
            options.workers or 1,
            lambda count: bars.update(bar, completed=count),
        )
    interval = wilson_interval(totals.solved, totals.n)
    found = {
        "solved": totals.solved,
        "n": totals.n,
        "success": interval.mean,
        "interval": [interval.lo, interval.hi],
        "edits": totals.edits,
        **totals.compute._asdict(),
        "network_calls_solved": totals.network_calls_solved,
    }
    return found, shipped.mdp.max_edits


def _asked(options: argparse.Namespace) -> str:
    """Hash of the model's file and of all options that the result depends on."""
    told = json.dumps({name: getattr(options, name) for name in DEPENDS_ON}, sort_keys=True)
    return hashlib.sha256(options.model.read_bytes() + told.encode()).hexdigest()
