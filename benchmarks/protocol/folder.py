"""The folder of a run: where everything lies, and which cells are done."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from filelock import FileLock

from benchmarks.protocol import records
from benchmarks.protocol.checks import scored_elsewhere
from benchmarks.protocol.names import named
from benchmarks.protocol.rows import CellKey, CurveRow, FailureRow, Kind, ResultRow
from trm_agents.common.sealing import opened, sealed

CURVE_POINTS = 8
"""Measurements of a cell's learning curve, where the run asks for no other number."""

_PLAIN = "".join(symbol for symbol in map(chr, range(32, 127)) if symbol not in "/%")
"""What the names of folders take over from the names of cells as it is."""


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
        # A setting may be a path: its separators must not lead elsewhere.
        suite, algo = (quote(name, safe=_PLAIN) for name in (cell.suite, cell.algo))
        return self.root / "cells" / suite / f"{algo}-seed{cell.seed}-steps{cell.steps}"

    def lock_cell(self, cell: Cell, what: str) -> FileLock:
        """What one process at a time may hold, of those that train or score a cell; waits, unless told otherwise.

        Args:
            cell: the cell.
            what: is done with it: its training and its scoring have a lock each.
        """
        self.of_cell(cell).mkdir(parents=True, exist_ok=True)
        return FileLock(self.of_cell(cell) / f"{what}.lock")

    def save_plan(self, cells: list[Cell], about: dict[str, Any]) -> None:
        """Write what is to be run; cells of earlier plans stay in it."""
        every = {cell.key: cell for cell in [*(self.plan() if self.plan_file.exists() else []), *cells]}
        content = {**about, "cells": [list(cell) for cell in every.values()]}
        records.write_atomically(self.plan_file, sealed(json.dumps(content, indent=1) + "\n"))

    def about(self) -> dict[str, Any]:
        """Content of the plan file.

        Raises:
            ValueError: this is not the folder of a run, or its plan is damaged.
        """
        if not self.plan_file.exists():
            raise ValueError(f"{self.root} is not the folder of a run: it has no {self.plan_file.name}")
        try:
            text, state = opened(self.plan_file.read_bytes().decode())
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{self.plan_file} is damaged: {error}") from None
        whole = isinstance(content, dict) and isinstance(content.get("cells"), list)
        if state == "damaged" or not whole or not isinstance(content.get("command", ""), str):
            raise ValueError(f"{self.plan_file} is damaged: it is not the plan that was written")
        return {"command": "", **content}

    def plan(self) -> list[Cell]:
        """Cells that the run was asked for.

        Raises:
            ValueError: this is not the folder of a run, or its plan is damaged.
        """
        return [self._cell(values) for values in self.about()["cells"]]

    def _cell(self, values: Any) -> Cell:
        kinds = (str, str, int, int, str)
        fitting = isinstance(values, list) and list(map(type, values)) == list(kinds)
        if not fitting or values[4] not in ("method", "line"):
            raise ValueError(f"{self.plan_file} is damaged: {values!r} is no cell")
        return Cell(*values)

    def results(self) -> list[ResultRow]:
        """The latest result of every finished cell; what is none of them is in `left_out`."""
        return records.latest(self._sifted().records)

    def _sifted(self) -> records.Sifted[ResultRow]:
        return records.sift(self.rows_file, ResultRow, scored_elsewhere)

    def failures(self) -> list[FailureRow]:
        """The latest failure of every cell that has no result."""
        done = {row.key for row in self.results()}
        found = records.sift(self.failures_file, FailureRow).records
        return [row for row in records.latest(found) if row.key not in done]

    def curves(self) -> list[CurveRow]:
        """Learning curves of all models of the plan."""
        return records.latest(point for found in self._curves().values() for point in found.records)

    def _curves(self) -> dict[Cell, records.Sifted[CurveRow]]:
        models = dict.fromkeys(cell.trained for cell in self.plan())
        return {cell: records.sift(self.of_cell(cell) / "curve.jsonl", CurveRow) for cell in models}

    def left_out(self) -> list[str]:
        """What tables and figures do not show: damaged lines by file and line, and rows of suites outside the plan."""
        planned = {cell.suite for cell in self.plan()}
        others = dict.fromkeys(row.suite for row in self.results() if row.suite not in planned)
        return [
            *self._sifted().damaged.values(),
            *records.sift(self.failures_file, FailureRow).damaged.values(),
            *(f"{cell}, {problem}" for cell, found in self._curves().items() for problem in found.damaged.values()),
            *(f"{self.rows_file.name}: rows of {name}, a suite that {self.plan_file.name} lacks" for name in others),
        ]

    def notes(self) -> list[str]:
        """What a reader of the rows should know, though nothing is left out."""
        found = self._sifted()
        doubled = len(found.records) - len(records.latest(found.records))
        old = f"{found.unsealed} rows of {self.rows_file.name} have no checksum, as before version 0.2"
        again = f"{doubled} rows of {self.rows_file.name} are older results of cells that have a newer one"
        return [old] * (found.unsealed > 0) + [again] * (doubled > 0)

    def refuse_damage(self) -> None:
        """Check that all rows are what was written.

        Raises:
            ValueError: a row is damaged; the message names file and line.
        """
        for problem in self._sifted().damaged.values():
            raise ValueError(f"{problem}; `run --resume` sets such lines aside and scores their cells again")

    def set_aside_damage(self) -> list[str]:
        """Move what is damaged to files of their own: lines of results and failures, so that their cells are run again.

        A damaged plan is left to the command that goes on: it names its cells again.
        """
        plan = []
        try:
            if self.plan_file.exists():
                self.plan()
        except ValueError as error:
            os.replace(self.plan_file, self.root / f"{self.plan_file.name}.damaged")
            plan = [str(error)]
        return [
            *plan,
            *records.set_aside(self.rows_file, ResultRow, scored_elsewhere),
            *records.set_aside(self.failures_file, FailureRow),
        ]

    def progress(self, cell: Cell) -> int:
        """Environment steps that the model of a cell says it has made."""
        try:
            return int((self.of_cell(cell.trained) / "progress.txt").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0
