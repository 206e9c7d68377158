"""Records as JSON lines, each with a checksum of its text; several processes may append to one file."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from trm_agents.common.fields import record_of
from trm_agents.common.saving import write_atomically
from trm_agents.common.sealing import KEY, opened, sealed

Record = TypeVar("Record")


def line_of(record: Any) -> str:
    """A record as a line of a `.jsonl` file, with its checksum."""
    return sealed(json.dumps(dataclasses.asdict(record))) + "\n"


def append(path: Path, record: Any) -> None:
    """Append a record as one whole line; a line that a killed writer left unfinished is removed first."""
    line = line_of(record).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path) as file:
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def rewrite(path: Path, records: Iterable[Any]) -> None:
    """Replace a `.jsonl` file by these records, as a whole or not at all."""
    write_atomically(path, "".join(map(line_of, records)))


def whole_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Lines of a file with their numbers, except the beginning of one, which a killed writer leaves at the end."""
    *lines, rest = path.read_bytes().split(b"\n")
    yield from enumerate(lines, 1)
    if not _is_torn(rest):
        yield len(lines) + 1, rest


def read(path: Path, kind: type[Record]) -> list[Record]:
    """Records of a file, in order; none where there is no file.

    Raises:
        ValueError: a line is no such record, or was changed since it was written; the message names file and line.
    """
    found = []
    for number, line in whole_lines(path) if path.exists() else ():
        where = f"{path.name}, line {number}"
        found.append(record_of(parsed(line, where)[0], kind, where))
    return found


def parsed(line: bytes, where: str) -> tuple[dict[str, Any], bool]:
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


def locked(path: Path) -> BinaryIO:
    """The file, open for appending; several cells append to one file, one at a time."""
    # Not every system has it, and reading needs no lock.
    import fcntl

    while True:
        file = open(path, "ab+")  # noqa: SIM115, whoever asked for it closes it
        fcntl.flock(file, fcntl.LOCK_EX)
        # Whoever held it may have put another file in its place.
        if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
            return file
        file.close()


def _is_torn(rest: bytes) -> bool:
    """Whether what follows the last newline is the beginning of a line, all that a killed writer can leave."""
    try:
        json.loads(rest)
    except json.JSONDecodeError as error:
        return not error.msg.startswith("Extra data")
    except (UnicodeDecodeError, RecursionError):
        return False
    return True
