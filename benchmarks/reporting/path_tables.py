"""Tables of paths with labels, for docs/recursion.md: whole mazes right, by network, by cycles and by size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.protocol.published import published
from benchmarks.protocol.stats import Interval, success_interval
from benchmarks.protocol.study_rows import PathsRow
from benchmarks.reporting import tables

SPLIT = "test"
RECURSIVE = "recursive"
HALTING = "halting"
SCORED: Mapping[int, str] = {9: "20", 11: "40", 15: "80"}
"""Side of mazes -> cycles that a recursive network takes there: the most of its training, twice and four times it."""
NETWORKS: Mapping[str, str] = {
    RECURSIVE: "recursion",
    "cold-5": "without cycles before those that it learns from",
    "recursive-last": "loss of the last cycle alone, no deep supervision",
    "recursive-carry": "l goes on from cycle to cycle",
    "recursive-once": "the maze enters once",
    "recursive-neighbours": "sums over neighbours in place of convolutions",
    "recursive-attention": "attention in place of convolutions",
    "cnn-deep": "residual CNN, as deep",
    "cnn": "residual CNN, wide",
    "transformer-deep": "transformer, as deep",
    "transformer": "transformer, wide",
}
"""Row -> what it is, or what differs from the first one."""
COLD: Mapping[int, str] = {k: f"cold-{k}" for k in (1, 2, 3, 5, 10, 20)}
"""Cycles in training, none before them -> its row."""

Scores = dict[tuple[str, int, str], Interval]
"""Network, side, cycles -> exact match over seeds."""


def scores(folder: Path) -> Scores:
    """Exact match on test mazes, of all published rows."""
    found: dict[tuple[str, int, str], list[PathsRow]] = {}
    for row in published(PathsRow, folder):
        if row.split == SPLIT:
            found.setdefault((row.network, row.side, row.cycles), []).append(row)
    return {key: success_interval([row.exact for row in rows], rows[0].n) for key, rows in found.items()}


def one(folder: Path, network: str) -> PathsRow:
    """A row of a network: its weights, its depth."""
    return next(row for row in published(PathsRow, folder) if row.network == network and row.split == SPLIT)


def seeds(folder: Path, network: str) -> int:
    """How many times it was trained."""
    return len({row.seed for row in published(PathsRow, folder) if row.network == network and row.split == SPLIT})


def exact(found: Scores, network: str, side: int) -> Interval:
    """Exact match with the cycles of that size, or in the one pass of a stack."""
    return found.get((network, side, SCORED[side])) or found[network, side, "1"]


def networks(folder: Path) -> str:
    """What each network marks right."""
    found, rows = scores(folder), []
    for network, what in NETWORKS.items():
        row = one(folder, network)
        marked = [tables.rate(exact(found, network, side)) for side in SCORED]
        shape = [f"{row.weights:,}", str(row.depth), *marked, str(seeds(folder, network))]
        rows.append([what, *shape, f"`{network}`"])
    sides = [f"{side}x{side}" for side in SCORED]
    return tables.markdown(["network", "weights", "layers", *sides, "seeds", "row"], rows)


def cycles(folder: Path) -> str:
    """What the recursive network marks right with more cycles, and with as many as it asks for."""
    found = scores(folder)
    counts = sorted(
        {count for network, _, count in found if network == RECURSIVE}, key=lambda c: (c == HALTING, c.zfill(3))
    )
    rows = [[count, *(tables.rate(found[RECURSIVE, side, count]) for side in SCORED)] for count in counts]
    return tables.markdown(["cycles", *(f"{side}x{side}" for side in SCORED)], rows)


def of_training(folder: Path) -> str:
    """What networks mark right that were trained with K cycles and no others, by cycles at test time."""
    found, rows = scores(folder), []
    for k, network in COLD.items():
        tried = [str(k), "20", "40"]
        marked = [tables.rate(found[network, 9, count]) for count in tried]
        rows.append([str(k), *marked, str(seeds(folder, network))])
    return tables.markdown(["K in training", "K at test time", "20 cycles", "40 cycles", "seeds"], rows)


TABLES: Mapping[str, Callable[[Path], str]] = {
    "paths:networks": networks,
    "paths:cycles": cycles,
    "paths:training": of_training,
}
"""Name of a marked table -> what makes it from a folder of published rows."""
