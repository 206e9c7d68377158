"""Progress of a stream, and its success by rating, in the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from trm_agents.streaming.engine import Told

_COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    TextColumn("{task.completed:,} of about {task.total:,}"),
    TimeElapsedColumn(),
    TextColumn("left:"),
    TimeRemainingColumn(),
)


@contextmanager
def progress(silent: bool) -> Iterator[Told]:
    """A bar on standard error, with an estimate of the time that is left; there is none before the first piece."""
    bars = Progress(*_COLUMNS, console=Console(stderr=True))
    shown: list[TaskID] = []

    def told(scored: int, about: int) -> None:
        if not silent and not shown:
            bars.start()
            shown.append(bars.add_task("puzzles"))
        for bar in shown:
            bars.update(bar, completed=scored, total=about)

    try:
        yield told
    finally:
        if shown:
            bars.stop()


def tell_skipped(skipped: list[str], kept: int) -> None:
    """Say on standard error which puzzles were left out, and why."""
    if skipped:
        print(f"left out {len(skipped)} of {len(skipped) + kept} puzzles:", file=sys.stderr)
        for line in skipped:
            print(f"  {line}", file=sys.stderr)


def show_ratings(facts: dict[str, Any]) -> None:
    """Print success by bands of ratings, where the file rates its puzzles."""
    bands = facts.get("by_rating")
    if not bands:
        return
    out = Table("rating", "puzzles", "solved", "success", "95 % interval", box=SIMPLE_HEAD, show_edge=False)
    for column in out.columns[1:]:
        column.justify = "right"
    for band in bands:
        low, high = band["interval"]
        shown = (f"{band['n']:,}", f"{band['solved']:,}", f"{band['success']:.1%}", f"{low:.1%} to {high:.1%}")
        out.add_row(band["rating"], *shown)
    Console(highlight=False).print(out)
