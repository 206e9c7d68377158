"""What all pieces of a file come to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from math import sqrt
from typing import Any, NamedTuple

from trm_agents.streaming.bands import name_of
from trm_agents.streaming.pieces import PieceRow

COSTS = ("edits", "network_calls", "inner_steps", "checks")
"""What is counted of each puzzle."""
Z = 1.959963984540054
"""Standard normal quantile of 95 % intervals."""


class Totals(NamedTuple):
    """Success and costs of all puzzles."""

    n: int
    solved: int
    means: dict[str, float]
    """Mean of each of `COSTS` over puzzles."""
    network_calls_solved: float | None
    """Median over solved puzzles; None where there is none."""
    bands: dict[int, tuple[int, int]]
    """Band of ratings -> puzzles and solved ones."""
    skipped: list[str]
    """Places and flaws of puzzles that were left out."""


def totals(rows: Iterable[PieceRow]) -> Totals:
    """The sum of pieces; `skipped` is in the order of the file.

    Raises:
        ValueError: there is no puzzle.
    """
    rows = sorted(rows, key=lambda row: row.piece)
    skipped = [line for row in rows for line in json.loads(row.skipped)]
    n = sum(row.n for row in rows)
    if not n:
        left_out = f"; left out: {'; '.join(skipped[:3])}" if skipped else ""
        raise ValueError(f"there is no puzzle to score{left_out}")
    means = {name: sum(getattr(row, name) for row in rows) / n for name in COSTS}
    calls: Counter[int] = Counter()
    puzzles: Counter[int] = Counter()
    solved: Counter[int] = Counter()
    for row in rows:
        calls.update({int(count): times for count, times in json.loads(row.calls_solved).items()})
        for band, (inside, of_them) in (json.loads(row.bands) if row.bands else {}).items():
            puzzles[int(band)] += inside
            solved[int(band)] += of_them
    bands = {band: (puzzles[band], solved[band]) for band in sorted(puzzles)}
    return Totals(n, sum(row.solved for row in rows), means, median(calls), bands, skipped)


def facts(found: Totals) -> dict[str, Any]:
    """Totals as JSON, with 95 % Wilson intervals; `by_rating` where the file rates its puzzles."""
    return {
        **_share(found.solved, found.n),
        **found.means,
        "network_calls_solved": found.network_calls_solved,
        **({"by_rating": [_band(band, *counts) for band, counts in found.bands.items()]} if found.bands else {}),
    }


def _band(band: int, n: int, solved: int) -> dict[str, Any]:
    return {"rating": name_of(band), **_share(solved, n)}


def _share(solved: int, n: int) -> dict[str, Any]:
    return {"solved": solved, "n": n, "success": solved / n, "interval": list(wilson(solved, n))}


def wilson(successes: int, n: int) -> tuple[float, float]:
    """95 % Wilson score interval of a success rate, n >= 1."""
    p, spread = successes / n, Z * Z / n
    centre, half = p + spread / 2, Z * sqrt(p * (1 - p) / n + spread / (4 * n))
    return max(0.0, (centre - half) / (1 + spread)), min(1.0, (centre + half) / (1 + spread))


def median(counts: Counter[int]) -> float | None:
    """The median of values by how often they occur; None of no values."""
    total = counts.total()
    if not total:
        return None
    middle, seen = [], 0
    for value in sorted(counts):
        # Values of ranks (total - 1) // 2 and total // 2.
        middle += [value for rank in ((total - 1) // 2, total // 2) if seen <= rank < seen + counts[value]]
        seen += counts[value]
    return sum(middle) / 2
