"""Success of A minus success of B on the same test puzzles, with intervals."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.protocol.folder import Folder
from benchmarks.protocol.published import published
from benchmarks.protocol.rows import ControlRow, ResultRow
from benchmarks.protocol.stats import Interval, paired_difference
from benchmarks.reporting import tables


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("out", type=Path, help="folder of a run, or the word published")
    parser.add_argument("a", metavar="A", help="row name")
    parser.add_argument("b", metavar="B", help="row name")
    parser.add_argument("--steps", type=int, help="budget of trained rows (default: the largest)")
    parser.add_argument("--json", action="store_true", help="one JSON object a suite and nothing else")


def run(options: argparse.Namespace) -> int:
    """Print one difference a suite."""
    rows = published(ResultRow) if str(options.out) == "published" else _results(Folder(options.out))
    suites = {row.suite: None for row in rows if row.algo == options.a}
    shared = [suite for suite in suites if any(row.suite == suite and row.algo == options.b for row in rows)]
    if not shared:
        raise ValueError(f"no suite has results of both {options.a!r} and {options.b!r}; there are {_known(rows)}")
    for suite in shared:
        a, b = (_scored(rows, suite, algo, options.steps) for algo in (options.a, options.b))
        _print(a, b, options.json)
    return 0


def _results(folder: Folder) -> list[ResultRow]:
    folder.about()
    folder.refuse_damage()
    return folder.results()


def _known(rows: Sequence[ResultRow]) -> str:
    return ", ".join(sorted({row.algo for row in rows})) or "none"


def _scored(rows: Sequence[ResultRow], suite: str, algo: str, steps: int | None) -> list[ResultRow]:
    """The seeds of one method at one budget."""
    mine = [row for row in rows if row.suite == suite and row.algo == algo]
    budget = max(row.steps for row in mine) if steps is None or mine[0].kind == "line" else steps
    chosen = [row for row in mine if row.steps == budget]
    if not chosen:
        raise ValueError(f"{suite} {algo} has no rows at {steps} steps, only at {sorted({row.steps for row in mine})}")
    return chosen


def _print(a: list[ResultRow], b: list[ResultRow], as_json: bool) -> None:
    if len({row.pool_sha256 for row in (*a, *b)}) != 1:
        raise ValueError(f"{a[0].suite}: {a[0].algo} and {b[0].algo} were not scored on the same test pool")
    paired = paired_difference({r.seed: r.solved_mask for r in a}, {r.seed: r.solved_mask for r in b})
    if not as_json:
        said = tables.paired_text(paired, "states" if isinstance(a[0], ControlRow) else "puzzles")
        print(f"{a[0].suite}: {a[0].algo} minus {b[0].algo}: {said} (n = {paired.n})")
        return
    ends = {"over_seeds": _ends(paired.over_seeds), "over_puzzles": _ends(paired.over_puzzles)}
    difference = {"difference": paired.over_puzzles.mean, **ends, "n": paired.n}
    print(json.dumps({"suite": a[0].suite, "a": a[0].algo, "b": b[0].algo, "steps": a[0].steps, **difference}))


def _ends(interval: Interval | None) -> dict[str, float] | None:
    return None if interval is None else {"lo": interval.lo, "hi": interval.hi, "values": interval.n}
