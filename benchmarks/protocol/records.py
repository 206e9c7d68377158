"""Records on disk: dataclasses as JSON lines while something runs, as CSV when it is done."""

from __future__ import annotations

import csv
import dataclasses
import fcntl
import glob
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

Record = TypeVar("Record")


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace a file as a whole, or not at all; what killed writers left of it is removed."""

    def write(temporary: Path) -> None:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)

    replace_atomically(path, write)


def replace_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Replace a file by what `write` writes to the path that it is given, as a whole or not at all.

    Temporary files that killed processes left beside it are removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    mine = _temporary(path, os.getpid())
    for left in path.parent.glob(_temporary(Path(glob.escape(path.name)), "*").name):
        writer = left.name.removesuffix(path.suffix).rpartition(".")[2]
        if writer.isdecimal() and not _alive(int(writer)):
            left.unlink(missing_ok=True)
    try:
        write(mine)
        # A rename may reach the disk before what was written does.
        with open(mine, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(mine, path)
    except BaseException:
        mine.unlink(missing_ok=True)
        raise


def _temporary(path: Path, writer: int | str) -> Path:
    """Where a process writes before it renames: hidden, and with the suffix that writers of models insist on."""
    return path.with_name(f".{path.name}.{writer}{path.suffix}")


def _alive(process: int) -> bool:
    """Whether a process of this number runs."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def append(path: Path, record: Any) -> None:
    """Append a record as one whole line; a line that a killed writer left unfinished is removed first."""
    line = json.dumps(dataclasses.asdict(record)) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab+") as file:
        # Several cells append to one file: one at a time.
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())


def read(path: Path, kind: type[Record]) -> list[Record]:
    """Records of a `.jsonl` or `.csv` file, in order; none where there is no file.

    An unfinished last line of a `.jsonl` file, which a killed writer leaves, is passed over.

    Raises:
        ValueError: a record has another schema than `kind`, or a line is not a record.
    """
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".csv":
        return [_record(row, kind, f"{path.name}, row {i}") for i, row in enumerate(_rows(text, path), 1)]
    whole = text[: text.rfind("\n") + 1].splitlines()
    return [_record(_parsed(line, path, i), kind, f"{path.name}, line {i}") for i, line in enumerate(whole, 1)]


def schema_of(path: Path) -> str:
    """Schema that the first record of a file names; empty where the file has no record."""
    with open(path, encoding="utf-8", newline="") as file:
        if path.suffix == ".csv":
            return str(next(_rows(file.read(), path), {}).get("schema", ""))
        line = file.readline()
    return str(_parsed(line, path, 1).get("schema", "")) if line.strip() else ""


def to_csv(records: Sequence[Any], kind: type[Any]) -> str:
    """Records as CSV with a header, what classes share last; None is an empty field."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [field.name for field in sorted(dataclasses.fields(kind), key=lambda field: field.kw_only is True)]
    writer.writerow(names)
    for record in records:
        writer.writerow(["" if getattr(record, name) is None else getattr(record, name) for name in names])
    return out.getvalue()


def latest(records: Iterable[Record]) -> list[Record]:
    """The last record of every `key`, in the order in which keys first appear."""
    kept: dict[Any, Record] = {}
    for record in records:
        item: Any = record
        kept[item.key] = record
    return list(kept.values())


def _rows(text: str, path: Path) -> Iterator[dict[str, Any]]:
    """Rows of a CSV file, by the names of its header."""
    try:
        yield from csv.DictReader(io.StringIO(text, newline=""))
    except csv.Error as error:
        raise ValueError(f"{path.name} is not a CSV file of rows: {error}") from None


def _parsed(line: str, path: Path, number: int) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise ValueError(f"{path.name}, line {number} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"{path.name}, line {number} is not a JSON object")
    return value


def _record(values: dict[str, Any], kind: type[Record], where: str) -> Record:
    """A record of class `kind` from JSON values or CSV strings."""
    known: Any = kind
    if values.get("schema") != known.schema or set(values) != {field.name for field in dataclasses.fields(known)}:
        raise ValueError(
            f"{where} has schema {values.get('schema')!r}, not {known.schema!r}: records of different schemas are "
            "never mixed; start a new folder or file"
        )
    hints = _hints(known)
    record: Record = known(**{name: _value(value, hints[name]) for name, value in values.items()})
    return record


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    """Types of a class's fields; to work them out takes longer than all else that reading a record does."""
    return get_type_hints(kind)


def _value(value: Any, hint: Any) -> Any:
    """A JSON value as it is; a CSV string as the type that the field has."""
    if not isinstance(value, str):
        return value
    if hint is bool:
        return value == "True"
    if hint in (int, float):
        return hint(value)
    if not value and type(None) in get_args(hint):
        return None
    if hint in (int | None, float | None):
        return get_args(hint)[0](value)
    return value
