"""Records on disk: dataclasses as JSON lines with a checksum each while something runs, as CSV when it is done."""

from __future__ import annotations

import csv
import dataclasses
import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from benchmarks.protocol.checks import problem_of
from benchmarks.protocol.rows import ResultRow, ShortestRow
from trm_agents.common.fields import record_of
from trm_agents.common.saving import replace_atomically, write_atomically
from trm_agents.common.sealed_lines import append, line_of, locked, parsed, rewrite, whole_lines

__all__ = [
    "Sifted", "append", "class_of", "latest", "line_of", "read", "replace_atomically", "rewrite", "schema_of",
    "set_aside", "sift", "to_csv", "write_atomically",
]  # fmt: skip

Record = TypeVar("Record")
Check = Callable[[Any], str | None]
"""What is wrong with a record, None where nothing is."""


@dataclasses.dataclass(frozen=True)
class Sifted(Generic[Record]):
    """Records of a file, and what of it are none."""

    records: list[Record]
    damaged: dict[int, str]
    """Number of a line -> what is wrong with it, file and line included."""
    unsealed: int = 0
    """Records of a `.jsonl` file without a checksum: versions before 0.2 wrote none."""


def read(path: Path, kind: type[Record], check: Check | None = None) -> list[Record]:
    """Records of a `.jsonl` or `.csv` file, in order; none where there is no file.

    An unfinished last line of a `.jsonl` file, which a killed writer leaves, is passed over.

    Args:
        path: the file.
        kind: class of the records.
        check: what else may be wrong with one.

    Raises:
        ValueError: a record has another schema than `kind`, a line is not a record, was changed since it was written,
            or contradicts itself; the message names file and line.
    """
    found = sift(path, kind, check)
    for problem in found.damaged.values():
        raise ValueError(problem)
    return found.records


def sift(path: Path, kind: type[Record], check: Check | None = None) -> Sifted[Record]:
    """What `read` reads, with the lines set apart for which it raises.

    Raises:
        ValueError: a `.csv` file has no rows at all that could be told apart.
    """
    if not path.exists():
        return Sifted([], {})
    found: Sifted[Record] = Sifted([], {})
    unsealed = 0
    for number, line in _lines(path):
        try:
            if isinstance(line, dict):
                values, where = line, f"{path.name}, row {number}"
                if None in values or None in values.values():
                    raise ValueError(f"{where} has another number of fields than the header")
            else:
                where = f"{path.name}, line {number}"
                values, was_sealed = parsed(line, where)
                unsealed += not was_sealed
            record = record_of(values, kind, where, written=isinstance(line, dict))
            if problem := problem_of(record) or (check and check(record)):
                raise ValueError(f"{where}: {problem}")
            found.records.append(record)
        except ValueError as error:
            found.damaged[number] = str(error)
    return dataclasses.replace(found, unsealed=unsealed)


def set_aside(path: Path, kind: type[Record], check: Check | None = None) -> list[str]:
    """Move damaged lines of a `.jsonl` file to `NAME.damaged` beside it; return what was wrong with them."""
    if not path.exists():
        return []
    with locked(path) as file:
        damaged = sift(path, kind, check).damaged
        if not damaged:
            return []
        file.seek(0)
        lines = [line + b"\n" for line in file.read().split(b"\n")]
        with open(path.with_name(f"{path.name}.damaged"), "ab") as aside:
            aside.writelines(lines[number - 1] for number in damaged)
            aside.flush()
            os.fsync(aside.fileno())
        # What follows the last newline is torn or damaged: it is none of the rows.
        kept = [line for number, line in enumerate(lines[:-1], 1) if number not in damaged]
        write_atomically(path, b"".join(kept))
    return list(damaged.values())


def schema_of(path: Path) -> str:
    """Schema that the first record of a file names; empty where the file has no record."""
    for number, line in _lines(path):
        values = line if isinstance(line, dict) else parsed(line, f"{path.name}, line {number}")[0]
        return str(values.get("schema", ""))
    return ""


def to_csv(records: Sequence[Any], kind: type[Any]) -> str:
    """Records as CSV with a header, what classes share last; None is an empty field.

    A record of a class that says less than `kind` leaves the other fields empty.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [field.name for field in sorted(dataclasses.fields(kind), key=lambda field: field.kw_only is True)]
    writer.writerow(names)
    for record in records:
        values = {name: getattr(record, name, None) for name in names} | {"schema": kind.schema}
        writer.writerow(["" if value is None else value for value in values.values()])
    return out.getvalue()


def class_of(rows: Sequence[ResultRow]) -> type[ResultRow]:
    """The class of results that stand in one table: where one of them counts exact matches, its class.

    Raises:
        ValueError: some are of puzzles and some of systems.
    """
    kinds = {type(row) for row in rows} or {ResultRow}
    if kinds == {ResultRow, ShortestRow}:
        return ShortestRow
    if len(kinds) > 1:
        raise ValueError("results of puzzles and of systems cannot stand in one table: give each a folder of its own")
    return kinds.pop()


def latest(records: Iterable[Record]) -> list[Record]:
    """The last record of every `key`, in the order in which keys first appear."""
    kept: dict[Any, Record] = {}
    for record in records:
        item: Any = record
        kept[item.key] = record
    return list(kept.values())


def _lines(path: Path) -> Iterator[tuple[int, bytes | dict[Any, Any]]]:
    """Numbers and lines of a `.jsonl` file, or numbers and rows of a `.csv` file by the names of its header."""
    if path.suffix != ".csv":
        yield from whole_lines(path)
        return
    try:
        text = path.read_bytes().decode()
        yield from enumerate(csv.DictReader(io.StringIO(text, newline=""), strict=True), 1)
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} is not a CSV file of rows: {error}") from None
