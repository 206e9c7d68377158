"""A run's folder on machines that do not share it: a work's files travel to its node, and what it makes travels back.

Knows no engine. A `Store` stands at the run's folder, a `Mirror` at the copy of a node; what they hand each other are
plain values.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from benchmarks.protocol import records
from benchmarks.protocol.rows import ResultRow, TuningRow
from benchmarks.running.launcher import Work

Row = ResultRow | TuningRow
ROWS: dict[str, type[ResultRow] | type[TuningRow]] = {"rows.jsonl": ResultRow, "tuning.jsonl": TuningRow}
"""Files of rows, to which works append, and the class of each."""
Files = dict[str, bytes]
"""Contents by the path below the folder."""

STAY = (".lock", ".damaged")
"""Ends of names that never travel: locks, and what was set aside."""
REPLACED = "checkpoint-before.zip"
"""Does not travel back: the run's folder replaces a checkpoint as a whole."""


class SupersededError(Exception):
    """The work was started anew elsewhere: this start of it must not write any more."""


class Changes(NamedTuple):
    """What a work has made since it was last asked."""

    rows: list[Row]
    files: Files
    removed: list[str]

    @property
    def size(self) -> int:
        """Bytes of rows and files."""
        return sum(len(records.line_of(row)) for row in self.rows) + sum(map(len, self.files.values()))


class Store:
    """Hands out and takes in the files of works, at the run's own folder.

    Of all starts of a work the last one alone may write, and a row that is there is not doubled: engines start a work
    anew when its node is lost, and a lost node may still be running.

    Args:
        root: the run's folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sent, self.received = 0, 0
        self._holders: dict[str, str] = {}
        self._rows: dict[str, dict[tuple[str | int, ...], Row]] = {}

    def open(self, work: Work, holder: str) -> Files:
        """Begin a start of a work: all that it may go on from.

        Args:
            work: what is started.
            holder: a name that no other start has.
        """
        self._holders[work.log] = holder
        files = {
            str(path.relative_to(self.root)): path.read_bytes()
            for folder in work.needs
            for path in sorted((self.root / folder).glob("*"))
            if path.is_file() and _travels(path)
        }
        files.pop(work.log, None)
        mine = [row for key, row in self._known(work.rows).items() if key[:4] in work.keys]
        files[work.rows] = "".join(map(records.line_of, mine)).encode()
        self.sent += sum(map(len, files.values()))
        return files

    def take(self, work: Work, holder: str, changes: Changes) -> None:
        """Write what a start of a work has made: each file as a whole, each row once, rows last.

        Raises:
            SupersededError: the work was started anew since.
            ValueError: a file lies outside the folder.
        """
        if self._holders.setdefault(work.log, holder) != holder:
            raise SupersededError(f"{work.log} was started anew elsewhere")
        self.received += changes.size
        # A curve that is ahead of its checkpoint is cut when the cell resumes; one that is behind would lack points.
        for name in sorted(changes.files, key=lambda name: name.endswith(".zip")):
            records.write_atomically(self._inside(name), changes.files[name])
        for name in changes.removed:
            self._inside(name).unlink(missing_ok=True)
        known = self._known(work.rows)
        for row in changes.rows:
            if row.key not in known:
                records.append(self.root / work.rows, row)
                known[row.key] = row

    def traffic(self) -> tuple[int, int]:
        """Bytes of rows and files that have travelled to works, and back."""
        return self.sent, self.received

    def _known(self, name: str) -> dict[tuple[str | int, ...], Row]:
        """Rows of a file by their keys, read once: nobody else writes it while the run is under way."""
        if name not in self._rows:
            self._rows[name] = {row.key: row for row in records.sift(self.root / name, ROWS[name]).records}
        return self._rows[name]

    def _inside(self, name: str) -> Path:
        path = self.root / name
        if not path.resolve().is_relative_to(self.root.resolve()):
            raise ValueError(f"{name} lies outside the run's folder")
        return path


class Mirror:
    """The copy of a run's folder that a work gets on its node.

    Args:
        root: an empty folder.
        work: what runs in it.
        files: what `Store.open` has handed out.
    """

    def __init__(self, root: Path, work: Work, files: Files) -> None:
        self.root, self.work = root, work
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self._rows_told = len(self._rows())
        self._seen = {name: _state(root / name) for name in files if name != work.rows}

    def changes(self, ended: bool) -> Changes:
        """What the work has made since the last call.

        Args:
            ended: it writes no more: files that are gone are gone for good, and not about to be replaced.
        """
        # Rows first: what a row stands for was written before it, and its training is over. Then models, and curves
        # after their checkpoints.
        rows = self._rows()[self._rows_told :]
        self._rows_told += len(rows)
        found = {str(path.relative_to(self.root)): path for path in self.root.glob("*/**/*")}
        files = {}
        for name in sorted(found, key=lambda name: not name.endswith(".zip")):
            path = found[name]
            state = _state(path) if path.is_file() and _travels(path) and path.name != REPLACED else None
            if state is not None and state != self._seen.get(name):
                try:
                    files[name] = path.read_bytes()
                except FileNotFoundError:
                    continue
                self._seen[name] = state
        removed = sorted(set(self._seen) - set(found)) if ended or rows else []
        return Changes(rows, files, removed)

    def _rows(self) -> list[Row]:
        found = records.sift(self.root / self.work.rows, ROWS[self.work.rows])
        return [*found.records]


def _travels(path: Path) -> bool:
    """Whether a file is sent; what a writer has not finished is hidden."""
    return not path.name.startswith(".") and not path.name.endswith(STAY)


def _state(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file does; None where it is gone."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
