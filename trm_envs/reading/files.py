"""Which strings are paths, and what a file holds: opened by content, and never a pipe or a device."""

from __future__ import annotations

import gzip
import io
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

TEXTS = (".txt", ".csv", ".jsonl", ".sdk", ".sdm", ".ss", ".col", ".g6")
ARRAYS = (".npy", ".npz")
SUFFIXES = (*TEXTS, *ARRAYS, ".gz")
"""Of the files that puzzles are read from, lower case; `.gz` may follow another one."""

LONGEST_LINE = 1 << 20
"""Characters. A longer line is refused before it is read: a puzzle has a thousand."""

_GZIP, _NPY, _ZIP = b"\x1f\x8b", b"\x93NUMPY", b"PK\x03\x04"


class Opened(NamedTuple):
    """A file of puzzles, unpacked."""

    file: IO[bytes]
    kind: str
    """The suffix that says how its content is read."""
    read: Callable[[], float]
    """Share of the file's bytes that has been read."""


def path_of(source: object) -> Path | None:
    """The path that a source of puzzles is; None where it is none.

    A string is a path where something has that name, or where it ends in one of `SUFFIXES`, in any case.
    """
    if isinstance(source, os.PathLike):
        return Path(source)
    if not isinstance(source, str):
        return None
    # Not `Path.exists`: it raises where a line of text is too long for a file's name.
    return Path(source) if os.path.exists(source) or Path(source).suffix.lower() in SUFFIXES else None


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """Open a file of puzzles, unpacked where it is packed.

    Raises:
        ValueError: it is no regular file, its suffix is unknown, its content is not what its suffix says, or it is
            damaged.
        FileNotFoundError: there is no such file.
    """
    _check_regular(path)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    last = suffixes[-1] if suffixes else ""
    if last not in SUFFIXES:
        raise ValueError(
            f"{path}: puzzles are read from {', '.join(SUFFIXES)} files, not from {last!r}: rename the file after what "
            "it holds"
        )
    with path.open("rb") as raw:
        packed = raw.read(2) == _GZIP
        raw.seek(0)
        size = max(1, os.fstat(raw.fileno()).st_size)
        if last == ".gz" and not packed:
            raise ValueError(f"{path}: not a gzip file: leave out .gz if it is not packed")
        inner = suffixes[-2] if last == ".gz" and len(suffixes) > 1 else "" if last == ".gz" else last
        file = io.BufferedReader(gzip.GzipFile(fileobj=raw)) if packed else raw

        def read() -> float:
            return 1.0 if raw.closed else min(1.0, raw.tell() / size)

        try:
            yield Opened(file, _kind(file.peek(8), inner, path), read)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ValueError(f"{path}: damaged gzip file ({error}): pack it again") from error


def _check_regular(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no puzzle file {path}: check the path") from None
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: not to be opened ({error}): check the path") from None
    if not stat.S_ISREG(mode):
        kinds = {
            "directory": stat.S_ISDIR,
            "named pipe": stat.S_ISFIFO,
            "device": stat.S_ISCHR,
            "socket": stat.S_ISSOCK,
        }
        kind = next((name for name, test in kinds.items() if test(mode)), "special file")
        raise ValueError(f"{path}: a {kind}, not a regular file: write the puzzles into a file and name that")


def _kind(head: bytes, suffix: str, path: Path) -> str:
    """`.npy`, `.npz`, or the suffix of a text; content goes before the name."""
    if head.startswith(_NPY):
        return ".npy"
    if head.startswith(_ZIP):
        if suffix in TEXTS:
            raise ValueError(f"{path}: a zip archive, not {suffix}: unpack it, or rename a NumPy archive to .npz")
        return ".npz"
    if suffix in ARRAYS:
        raise ValueError(f"{path}: not a NumPy array file: save the array with numpy.save, or rename a text to .txt")
    return suffix if suffix in TEXTS else ".txt"


def text_lines(file: IO[bytes], name: str) -> Iterator[str]:
    """The lines of a text file without their ends, whatever its encoding and line ends.

    UTF-8 and, told by a byte-order mark or by its zeros, UTF-16. A byte that is no text becomes a character that no
    puzzle has.

    Raises:
        ValueError: a line is longer than `LONGEST_LINE`; no more than that is held.
    """
    head = file.peek(64)[:64] if isinstance(file, io.BufferedReader) else b""
    text = io.TextIOWrapper(file, encoding=_encoding(head), errors="replace", newline=None)
    number = 0
    while line := text.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise ValueError(
                f"{name}, line {number}: longer than {LONGEST_LINE:,} characters, so it is no puzzle: write one "
                "puzzle a line"
            )
        yield line.removesuffix("\n")


def _encoding(head: bytes) -> str:
    for mark, encoding in ((b"\xff\xfe\x00\x00", "utf-32"), (b"\x00\x00\xfe\xff", "utf-32")):
        if head.startswith(mark):
            return encoding
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    # ASCII in UTF-16 without a mark has a zero in every other byte.
    if len(head) >= 4 and not any(head[1::2]) and all(head[0:-1:2]):
        return "utf-16-le"
    if len(head) >= 4 and not any(head[0::2]) and all(head[1::2]):
        return "utf-16-be"
    return "utf-8-sig"
