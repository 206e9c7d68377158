"""Sudoku grids as text: one puzzle a line, `.` or `0` for a blank, 1-9 and then A-G for the digits.

Reads the frozen pools and users' own collections alike. Nothing is skipped silently: only blank lines and lines that
start with `#` are ignored, everything else is a puzzle or an error that names its place and cause.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from trm_envs.plan_edit.reading import check_integers, load_array, path_of, read_line
from trm_envs.sudoku.geometry import Grids, check_grids, check_size, units

SYMBOLS = ".123456789ABCDEFG"
SUFFIXES = (".npy", ".txt", ".csv")
"""Of the files that puzzles are read from."""

# Headings under which public collections keep the puzzle when it is not the first column.
_PUZZLE_HEADINGS = ("puzzle", "puzzles", "quiz", "quizzes", "question")

PuzzleSource: TypeAlias = npt.ArrayLike | str | os.PathLike[str] | Sequence[str]
# A place to name in an error ("file.txt, line 3") and the text found there.
_Record: TypeAlias = tuple[str, str]


def format_grids(grids: npt.ArrayLike) -> list[str]:
    """Return one line of N*N symbols for each grid of an integer array (B, N*N).

    Raises:
        ValueError: for a wrong shape, type or value.
    """
    array, size = check_grids(grids)
    text = np.frombuffer(SYMBOLS.encode(), dtype=np.uint8)[array].tobytes().decode()
    width = size * size
    return [text[start : start + width] for start in range(0, len(text), width)]


def parse_grid_lines(lines: Iterable[str], size: int, name: str = "lines") -> Grids:
    """Parse puzzles given as lines of N*N symbols; blank lines and lines that start with `#` are ignored.

    Args:
        lines: the lines, with or without line ends.
        size: N, one of 4, 9, 16.
        name: what errors call the source.

    Returns:
        int8 array (B, N*N), 0 = blank.

    Raises:
        ValueError: if a line has a wrong length or symbol, if its givens repeat a digit in a row, column or box, if
            it has no blank, or if there is no puzzle at all; names the source, line number and cause.
    """
    return _parse(list(_text_records(lines, name)), size, name)


def read_puzzles(source: PuzzleSource, size: int) -> Grids:
    """Read puzzles of one size from an array, a sequence of lines or a file, and check every one.

    Args:
        source: an integer array (B, N*N) or (B, N, N); a sequence of lines; one line; or the path of a `.npy` array, a
            `.txt` file of lines or a `.csv` file. `path_of` says which strings are paths. A `.csv` file may start with
            a row of headings (its first field is a word); the column headed puzzle, quiz, quizzes or question, else
            the first one, is read and the others are not.
        size: N, one of 4, 9, 16.

    Returns:
        int8 array (B, N*N), 0 = blank. Uniqueness of the solution is not checked.

    Raises:
        ValueError: as `parse_grid_lines`, and for an array or a file of another form.
        FileNotFoundError: if the file does not exist.
    """
    path = path_of(source, SUFFIXES)
    if path is not None:
        return _read_file(path, size)
    if isinstance(source, str):
        return read_line(source, lambda lines: parse_grid_lines(lines, size), SUFFIXES)
    if isinstance(source, Sequence) and len(source) > 0 and all(isinstance(line, str) for line in source):
        return parse_grid_lines([str(line) for line in source], size)
    return _check_array(np.asarray(source), size, "array")


def _read_file(path: Path, size: int) -> Grids:
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return _check_array(load_array(path), size, str(path))
    if suffix not in SUFFIXES:
        raise ValueError(f"{path}: puzzles are read from .npy, .txt and .csv files, not from {path.suffix!r}")
    # A byte that is not text becomes a symbol that the parser refuses by line; a byte-order mark is dropped.
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        records = _csv_records(file, size, str(path)) if suffix == ".csv" else _text_records(file, str(path))
        return _parse(list(records), size, str(path))


def _text_records(lines: Iterable[str], name: str) -> Iterator[_Record]:
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if text and not text.startswith("#"):
            yield f"{name}, line {number}", text


def _csv_records(lines: Iterable[str], size: int, name: str) -> Iterator[_Record]:
    reader = csv.reader(lines)
    column: int | None = None
    for row in reader:
        fields = [field.strip() for field in row]
        if not any(fields) or fields[0].startswith("#"):
            continue
        if column is None:
            column = _puzzle_column(fields)
            if fields[0].isidentifier() and len(fields[0]) != size * size:
                continue
        yield f"{name}, line {reader.line_num}", fields[column] if column < len(fields) else ""


def _puzzle_column(header: Sequence[str]) -> int:
    headings = [field.lower() for field in header]
    return next((headings.index(heading) for heading in _PUZZLE_HEADINGS if heading in headings), 0)


def _parse(records: Sequence[_Record], size: int, name: str) -> Grids:
    cells = check_size(size) ** 2
    for place, text in records:
        if len(text) != cells:
            raise ValueError(f"{place}: a {size}x{size} puzzle has {cells} symbols, found {len(text)}: {text[:100]!r}")
        unknown = set(text.upper()) - set(SYMBOLS[: size + 1]) - {"0"}
        if unknown:
            symbol = min(unknown, key=text.upper().index)
            raise ValueError(
                f"{place}: symbol {symbol!r} at position {text.upper().index(symbol) + 1}; "
                f"a {size}x{size} puzzle uses 0 or {SYMBOLS[: size + 1]}"
            )
    values = np.zeros(128, dtype=np.int8)
    values[list(SYMBOLS.encode())] = np.arange(len(SYMBOLS))
    text = "".join(text for _, text in records).upper()
    grids = values[np.frombuffer(text.encode("ascii"), dtype=np.uint8)].reshape(-1, cells)
    return _check_puzzles(grids, [place for place, _ in records], size, name)


def _check_array(array: npt.NDArray[Any], size: int, name: str) -> Grids:
    cells = check_size(size) ** 2
    if array.shape[1:] not in ((cells,), (size, size)):
        raise ValueError(f"{name}: expected the shape (B, {cells}) or (B, {size}, {size}), got {array.shape}")
    check_integers(array, name)
    flat = array.reshape(-1, cells)
    outside = np.argwhere((flat < 0) | (flat > size))
    if len(outside):
        puzzle, cell = outside[0]
        raise ValueError(
            f"{name}, puzzle {puzzle}: value {flat[puzzle, cell]} at cell {cell}; "
            f"a {size}x{size} puzzle holds 0..{size}"
        )
    return _check_puzzles(flat.astype(np.int8), [f"{name}, puzzle {index}" for index in range(len(flat))], size, name)


def _check_puzzles(grids: Grids, places: Sequence[str], size: int, name: str) -> Grids:
    if len(grids) == 0:
        raise ValueError(f"{name}: holds no puzzle")
    conflict = _first_conflict(grids, size)
    if conflict is not None:
        index, unit, digit = conflict
        line = ("row", "column", "box")[unit // size]
        raise ValueError(f"{places[index]}: digit {SYMBOLS[digit]} is given twice in {line} {unit % size + 1}")
    solved = np.flatnonzero((grids != 0).all(axis=1))
    if len(solved):
        raise ValueError(f"{places[solved[0]]}: no cell is blank, there is nothing to solve")
    return grids


def _first_conflict(grids: Grids, size: int) -> tuple[int, int, int] | None:
    """Return (grid, unit, digit) of the first grid in which a unit holds a digit twice."""
    bits = np.where(grids > 0, 1 << grids.astype(np.int32), 0)
    found = None
    for unit, cells in enumerate(units(size)):
        # Distinct powers of two add up to their bitwise union, repeated ones do not.
        of_unit = bits[:, cells]
        broken = np.flatnonzero(of_unit.sum(axis=1) != np.bitwise_or.reduce(of_unit, axis=1))
        if len(broken) and (found is None or broken[0] < found[0]):
            digits = grids[broken[0], cells]
            counts = np.bincount(digits[digits > 0])
            found = int(broken[0]), unit, int(np.argmax(counts > 1))
    return found
