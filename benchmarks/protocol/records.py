"""Records on disk: dataclasses as JSON lines with a checksum each while something runs, as CSV when it is done."""

from __future__ import annotations

import csv
import dataclasses
import fcntl
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

from benchmarks.protocol.checks import problem_of
from benchmarks.protocol.fields import record_of
from benchmarks.protocol.rows import ResultRow
from trm_agents.common.saving import replace_atomically, write_atomically
from trm_agents.common.sealing import KEY, opened, sealed

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


def line_of(record: Any) -> str:
    """A record as a line of a `.jsonl` file, with its checksum."""
    return sealed(json.dumps(dataclasses.asdict(record))) + "\n"


def append(path: Path, record: Any) -> None:
    """Append a record as one whole line; a line that a killed writer left unfinished is removed first."""
    line = line_of(record).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path) as file:
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def rewrite(path: Path, records: Iterable[Any]) -> None:
    """Replace a `.jsonl` file by these records, as a whole or not at all."""
    write_atomically(path, "".join(map(line_of, records)))


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
                values, was_sealed = _parsed(line, where)
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
    with _locked(path) as file:
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
        values = line if isinstance(line, dict) else _parsed(line, f"{path.name}, line {number}")[0]
        return str(values.get("schema", ""))
    return ""


def to_csv(records: Sequence[Any], kind: type[Any]) -> str:
    """Records as CSV with a header, what classes share last; None is an empty field."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [field.name for field in sorted(dataclasses.fields(kind), key=lambda field: field.kw_only is True)]
    writer.writerow(names)
    for record in records:
        writer.writerow(["" if getattr(record, name) is None else getattr(record, name) for name in names])
    return out.getvalue()


def class_of(rows: Sequence[ResultRow]) -> type[ResultRow]:
    """The class of results that stand in one table.

    Raises:
        ValueError: some are of puzzles and some of systems.
    """
    kinds = {type(row) for row in rows} or {ResultRow}
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


def _locked(path: Path) -> BinaryIO:
    """The file, open for appending; several cells append to one file, one at a time."""
    while True:
        file = open(path, "ab+")  # noqa: SIM115, whoever asked for it closes it
        fcntl.flock(file, fcntl.LOCK_EX)
        # Whoever held it may have put another file in its place.
        if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
            return file
        file.close()


def _lines(path: Path) -> Iterator[tuple[int, bytes | dict[Any, Any]]]:
    """Numbers and lines of a `.jsonl` file, or numbers and rows of a `.csv` file by the names of its header."""
    content = path.read_bytes()
    if path.suffix != ".csv":
        *lines, rest = content.split(b"\n")
        yield from enumerate(lines, 1)
        if not _is_torn(rest):
            yield len(lines) + 1, rest
        return
    try:
        text = content.decode()
        yield from enumerate(csv.DictReader(io.StringIO(text, newline=""), strict=True), 1)
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} is not a CSV file of rows: {error}") from None


def _is_torn(rest: bytes) -> bool:
    """Whether what follows the last newline is the beginning of a line, all that a killed writer can leave."""
    try:
        json.loads(rest)
    except json.JSONDecodeError as error:
        return not error.msg.startswith("Extra data")
    except (UnicodeDecodeError, RecursionError):
        return False
    return True


def _parsed(line: bytes, where: str) -> tuple[dict[str, Any], bool]:
    """The JSON object of a line, and whether it had a checksum.

    Raises:
        ValueError: the line is no JSON object, or was changed since it was written.
    """
    try:
        text, state = opened(line.decode())
    except UnicodeDecodeError as error:
        raise ValueError(f"{where} is not UTF-8: {error}") from None
    if state == "damaged":
        raise ValueError(f"{where} was changed since it was written: its {KEY} is of another content")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"{where} is not a JSON object")
    return value, state == "intact"
