"""Tables of docs/recursion.md about the maze without walls, and of what others claim of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.protocol.published import published
from benchmarks.protocol.rows import ResultRow
from benchmarks.reporting import tables
from benchmarks.reporting.summary import summarise

CLAIMED = Path(__file__).with_name("claimed.json")
CLAIM_HEADS = (
    "description",
    "task",
    "network",
    "claimed",
    "measured",
    "on a shortest walk",
    "weights claimed",
    "weights here",
)
OPEN = "open-walk-5x5"
_OPEN_BEST = "trm_reinforce@deep_supervision=true@learning_rate=1e-3@ent_coef=0.0"
ON_THE_OPEN: Mapping[str, str] = {
    "reinforce": "MLP",
    _OPEN_BEST: "recursive, K = 3, deep supervision, half the rate, no entropy bonus",
    f"{_OPEN_BEST}@k_cycles=5": "recursive, K = 5, deep supervision, half the rate, no entropy bonus",
    "trm_reinforce@deep_supervision=true@learning_rate=5e-4": "recursive, K = 3, deep supervision, smaller steps",
    "trm_reinforce@deep_supervision=true@learning_rate=5e-4@k_cycles=5": (
        "recursive, K = 5, deep supervision, smaller steps"
    ),
    "trm_reinforce@deep_supervision=true": "recursive, K = 3, deep supervision",
    "trm_reinforce@deep_supervision=true@k_cycles=5": "recursive, K = 5, deep supervision",
    "trm_reinforce@n_h_layers=1": "recursive, K = 3, one H layer",
    "trm_reinforce@n_h_layers=1@k_cycles=5": "recursive, K = 5, one H layer",
}
"""Line of `open-walk-5x5` -> its policy."""
SHORTEST = 8
"""Moves of a shortest walk from corner to corner of 5x5."""


def open_maze(folder: Path) -> str:
    """In how many runs the greedy policy walks a shortest way."""
    rows = []
    for algo, policy in ON_THE_OPEN.items():
        weights = runs(algo, folder)[0].parameters
        rows.append([policy, f"{weights:,}", shortest_walks(algo, folder), f"`{algo}`"])
    return tables.markdown(["policy", "weights", "runs on a shortest walk", "line"], rows)


def runs(algo: str, folder: Path) -> list[ResultRow]:
    """Those of a line of the open maze."""
    return [row for row in published(ResultRow, folder) if (row.suite, row.algo) == (OPEN, algo)]


def shortest_walks(algo: str, folder: Path) -> str:
    """How many of them walk a shortest way."""
    mine = runs(algo, folder)
    return f"{sum(row.edits == SHORTEST for row in mine)} of {len(mine)}"


class Claimed(NamedTuple):
    """What a description says of one network, and what stands beside it here."""

    description: str
    """Which of the two: `first` or `second`."""
    task: str
    network: str
    claimed: str
    """Success, as it is written there."""
    weights: str
    """The same of the number of weights."""
    line: str
    """Line of `open-walk-5x5` that does the same; empty where there is none."""
    task_is: str
    """What is wrong with the task, where it is; found by running it."""


def claimed(file: Path = CLAIMED) -> list[Claimed]:
    """The claims, in the order of the file."""
    return [Claimed(**values) for values in json.loads(file.read_text(encoding="utf-8"))]


def beside(folder: Path) -> str:
    """Claimed beside measured."""
    measured = {line.algo: line for line in summarise(row for row in published(ResultRow, folder) if row.suite == OPEN)}
    rows = []
    for claim in claimed():
        here = ["", "", ""]
        if claim.line:
            line = measured[claim.line]
            here = [tables.rate(line.success), shortest_walks(claim.line, folder), f"{line.parameters:,}"]
        task = f"{claim.task}: {claim.task_is}" if claim.task_is else claim.task
        told = [claim.description, task, claim.network, claim.claimed]
        rows.append([*told, *here[:2], claim.weights, here[2]])
    return tables.markdown(CLAIM_HEADS, rows)


TABLES: Mapping[str, Callable[[Path], str]] = {"recursion:open": open_maze, "recursion:claimed": beside}
"""Name of a marked table -> what makes it from a folder of published rows."""
