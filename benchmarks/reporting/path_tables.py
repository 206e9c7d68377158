"""Tables of paths with labels, for docs/recursion.md: whole mazes right, by network, by cycles and by size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.protocol.published import published
from benchmarks.protocol.stats import success_interval
from benchmarks.protocol.study_rows import PathsRow
from benchmarks.reporting import tables

SPLIT = "test"
SHOWN = "recursive-last"
"""The network whose cycles have a table."""
HALTING = "halting"
SCORED: Mapping[int, str] = {9: "20", 11: "40", 15: "80"}
"""Side of mazes -> cycles that a recursive network takes there: the most of its training, twice and four times it."""
NETWORKS: Mapping[str, str] = {
    "recursive": "recursion",
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


class Scores:
    """Exact match on test mazes, of all published rows.

    Args:
        folder: of published rows.
    """

    def __init__(self, folder: Path) -> None:
        rows = [row for row in published(PathsRow, folder) if row.split == SPLIT]
        found: dict[tuple[str, int, str], list[PathsRow]] = {}
        for row in rows:
            found.setdefault((row.network, row.side, row.cycles), []).append(row)
        self._exact = {key: success_interval([row.exact for row in of], of[0].n) for key, of in found.items()}
        self._rows = {name: [row for row in rows if row.network == name] for name in {row.network for row in rows}}

    def named(self) -> list[str]:
        """Those of `NETWORKS` that have rows."""
        return [name for name in NETWORKS if name in self._rows]

    def counts(self, network: str) -> list[str]:
        """Numbers of cycles that it was scored with, and `halting`."""
        counts = {row.cycles for row in self._rows[network]}
        return [*sorted(counts - {HALTING}, key=int), *(counts & {HALTING})]

    def rate(self, network: str, side: int, cycles: str) -> str:
        """Exact match over seeds with so many cycles, or in the one pass of a stack."""
        found = self._exact.get((network, side, cycles)) or self._exact[network, side, "1"]
        return tables.rate(found)

    def shape(self, network: str) -> list[str]:
        """Weights and layers."""
        row = self._rows[network][0]
        return [f"{row.weights:,}", str(row.depth)]

    def seeds(self, network: str) -> str:
        """How many times it was trained."""
        return str(len({row.seed for row in self._rows[network]}))


def networks(folder: Path) -> str:
    """What each network marks right."""
    scores = Scores(folder)
    rows = [
        [
            NETWORKS[name],
            *scores.shape(name),
            *(scores.rate(name, side, cycles) for side, cycles in SCORED.items()),
            scores.seeds(name),
            f"`{name}`",
        ]
        for name in scores.named()
    ]
    sides = [f"{side}x{side}, {cycles} cycles" for side, cycles in SCORED.items()]
    return tables.markdown(["network", "weights", "layers", *sides, "seeds", "row"], rows)


def cycles(folder: Path) -> str:
    """What a network without deep supervision marks right with more cycles, and with as many as it asks for."""
    scores = Scores(folder)
    rows = [[count, *(scores.rate(SHOWN, side, count) for side in SCORED)] for count in scores.counts(SHOWN)]
    return tables.markdown(["cycles", *(f"{side}x{side}" for side in SCORED)], rows)


TABLES: Mapping[str, Callable[[Path], str]] = {
    "paths:networks": networks,
    "paths:cycles": cycles,
}
"""Name of a marked table -> what makes it from a folder of published rows."""
