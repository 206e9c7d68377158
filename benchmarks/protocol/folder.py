"""The folder of a run: where everything lies, and which cells are done."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock

from benchmarks.protocol import records
from benchmarks.protocol.names import named
from benchmarks.protocol.rows import CellKey, CurveRow, FailureRow, Kind, ResultRow

CURVE_POINTS = 8
"""Measurements of a cell's learning curve, where the run asks for no other number."""


class Cell(NamedTuple):
    """The unit of work that gives one result row."""

    suite: str
    algo: str
    seed: int
    steps: int
    kind: Kind = "method"

    @property
    def key(self) -> CellKey:
        """What its row is known by."""
        return self.suite, self.algo, self.seed, self.steps

    @property
    def trained(self) -> Cell:
        """The cell whose model this one scores: of a solver line the one of its policy alone, else the same."""
        return self._replace(algo=named(self.algo).method)

    def __str__(self) -> str:
        return f"{self.suite} {self.algo} seed {self.seed}"


@dataclass(frozen=True)
class Folder:
    """A run's files below `root`."""

    root: Path

    @property
    def plan_file(self) -> Path:
        """What the run was asked for, and with which code."""
        return self.root / "run.json"

    @property
    def rows_file(self) -> Path:
        """Results, as cells finish."""
        return self.root / "rows.jsonl"

    @property
    def failures_file(self) -> Path:
        """Failures, as they happen; a later result of the same cell stands above one."""
        return self.root / "failures.jsonl"

    def lock(self) -> FileLock:
        """What one runner at a time may hold; it is let go when a process ends, however that happens."""
        self.root.mkdir(parents=True, exist_ok=True)
        return FileLock(self.root / "run.lock", timeout=0)

    def of_cell(self, cell: Cell) -> Path:
        """Folder of one cell: log and outcomes, and where it trains a model learning curve, checkpoint and model."""
        return self.root / "cells" / cell.suite / f"{cell.algo}-seed{cell.seed}-steps{cell.steps}"

    def save_plan(self, cells: list[Cell], about: dict[str, Any]) -> None:
        """Write what is to be run; cells of earlier plans stay in it."""
        every = {cell.key: cell for cell in [*(self.plan() if self.plan_file.exists() else []), *cells]}
        content = {**about, "cells": [list(cell) for cell in every.values()]}
        records.write_atomically(self.plan_file, json.dumps(content, indent=1) + "\n")

    def about(self) -> dict[str, Any]:
        """Content of the plan file.

        Raises:
            ValueError: this is not the folder of a run.
        """
        if not self.plan_file.exists():
            raise ValueError(f"{self.root} is not the folder of a run: it has no {self.plan_file.name}")
        content: dict[str, Any] = json.loads(self.plan_file.read_text(encoding="utf-8"))
        return content

    def plan(self) -> list[Cell]:
        """Cells that the run was asked for."""
        return [Cell(*cell) for cell in self.about()["cells"]]

    def results(self) -> list[ResultRow]:
        """The latest result of every finished cell."""
        return records.latest(records.read(self.rows_file, ResultRow))

    def failures(self) -> list[FailureRow]:
        """The latest failure of every cell that has no result."""
        done = {row.key for row in self.results()}
        return [row for row in records.latest(records.read(self.failures_file, FailureRow)) if row.key not in done]

    def curves(self) -> list[CurveRow]:
        """Learning curves of all models of the plan."""
        models = dict.fromkeys(cell.trained for cell in self.plan())
        points = [p for cell in models for p in records.read(self.of_cell(cell) / "curve.jsonl", CurveRow)]
        return records.latest(points)

    def progress(self, cell: Cell) -> int:
        """Environment steps that the model of a cell says it has made."""
        try:
            return int((self.of_cell(cell.trained) / "progress.txt").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0
