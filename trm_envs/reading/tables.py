"""Tables of text -> the symbols of puzzles: `.csv` with and without headings, and one JSON value a line."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from trm_envs.reading.arrays import HEADINGS, RATINGS
from trm_envs.reading.lines import Found, LineReader
from trm_envs.reading.notation import Notation

_WORD = re.compile(r"[^\W\d_][\w .:()/-]{0,40}")
_DELIMITERS = ",;\t"


def text_puzzles(lines: Iterator[str], kind: str, notation: Notation, name: str) -> Iterator[Found]:
    """The puzzles of a text, in order.

    Args:
        lines: without their ends.
        kind: suffix of the file, lower case. Only `.csv` and `.jsonl` decide by themselves; otherwise the first line
            that says something does: JSON, headings with a puzzle's among them, or a line of symbols.
        notation: how puzzles are written.
        name: what errors call the source.

    Raises:
        ValueError: a line that is no puzzle, or one that can be read in two ways; names the line and the remedy.
    """
    before: list[str] = []
    for line in lines:
        before.append(line)
        if line.strip() and not (notation.comment and line.lstrip().startswith(notation.comment)):
            break
    first = before[-1].strip() if before else ""
    everything = chain(before, lines)
    if kind == ".jsonl" or first.startswith("{") or re.match(r'\[\s*["\[\d]', first):
        return _json_puzzles(everything, notation, name)
    delimiter = max(_DELIMITERS, key=first.count)
    fields = [field.strip("\"' ") for field in first.split(delimiter)]
    if kind == ".csv" or (_is_headings(fields) and _named(fields) is not None):
        return _csv_puzzles(everything, delimiter, notation, name)
    return _plain_puzzles(everything, notation, name)


def _plain_puzzles(lines: Iterator[str], notation: Notation, name: str) -> Iterator[Found]:
    reader, number = LineReader(notation, name), 0
    for number, line in enumerate(lines, start=1):
        if found := reader.feed(number, line):
            yield found
    reader.end(number)


def _csv_puzzles(lines: Iterator[str], delimiter: str, notation: Notation, name: str) -> Iterator[Found]:
    reader, column, rating, begun = LineReader(notation, name), None, None, False
    # Strict: a quote that is never closed would swallow the rest of the file.
    rows = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter, strict=True)
    while True:
        try:
            fields = next(rows)
        except StopIteration:
            break
        except csv.Error as error:
            raise ValueError(f"{name}, line {rows.line_num}: not a row of a .csv file: {error}: correct it") from None
        number, stripped = rows.line_num, [field.strip() for field in fields]
        if not any(stripped) and column is None and len(stripped) == notation.shape[1] and not notation.spaced:
            if found := reader.feed_blank_row(number):
                yield found
            continue
        if not any(stripped) or (notation.comment and stripped[0].startswith(notation.comment)):
            reader.feed(number, "")
            continue
        if not begun:
            begun = True
            _check_numbered(reader, stripped, number)
            if _is_headings(stripped) and not any(_is_cells(field, notation) for field in stripped):
                column, rating = _named(stripped), _named(stripped, RATINGS)
                continue
        bare = [_bare(field, notation) for field in fields]
        rated = None if rating is None else stripped[rating] if rating < len(stripped) else ""
        if column is not None:
            text = reader.whole(number, bare[column] if column < len(bare) else "")
            yield reader.checked(number, text)._replace(rating=rated)
        else:
            puzzles = [field for field in bare if notation.is_puzzle(field)]
            if found := reader.feed(number, puzzles[0] if len(puzzles) == 1 else ",".join(bare)):
                yield found._replace(rating=rated)
    reader.end(rows.line_num)


def _bare(field: str, notation: Notation) -> str:
    """A field without the ends of its lines, and without spaces around it unless those are cells."""
    joined = "".join(field.splitlines())
    return joined if _is_cells(joined, notation) else joined.strip()


def _is_cells(field: str, notation: Notation) -> bool:
    """Whether a field is a row of a puzzle or a whole one."""
    return notation.reads(field, notation.shape[1]) or notation.reads(field, notation.n_cells)


def _is_headings(fields: Sequence[str]) -> bool:
    """Whether fields are words, empty, or the numbers that pandas heads its columns with."""
    rest = fields[1:] if fields and not fields[0] else fields
    if rest == [str(index) for index in range(len(rest))]:
        return len(rest) > 0
    return any(fields) and all(not field or _WORD.fullmatch(field) for field in fields)


def _named(fields: Sequence[str], names: Sequence[str] = HEADINGS) -> int | None:
    """The one column that is headed as puzzles are, or by other names; None where no single one is."""
    columns = [index for index, field in enumerate(fields) if field.lower() in names]
    return columns[0] if len(columns) == 1 else None


def _check_numbered(reader: LineReader, fields: Sequence[str], number: int) -> None:
    """Raise ValueError where a first row may be numbered headings, or a row of a puzzle."""
    if len(fields) == reader.notation.shape[1] and fields == [str(index) for index in range(len(fields))]:
        raise ValueError(
            f"{reader.place(number)}: can be read in two ways: {','.join(fields)} is a row of cells, or numbered "
            "headings: leave headings out, or write a puzzle on one line"
        )


def _json_puzzles(lines: Iterator[str], notation: Notation, name: str) -> Iterator[Found]:
    reader = LineReader(notation, name)
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (json.JSONDecodeError, RecursionError, ValueError) as error:
            raise ValueError(
                f"{reader.place(number)}: not JSON ({error}): write one puzzle or one object with a puzzle a line"
            ) from None
        named = value.items() if isinstance(value, dict) else ()
        rated = [str(inner) for key, inner in named if key.lower() in RATINGS]
        found = reader.checked(number, _json_text(value, number, reader))
        yield found._replace(rating=rated[0] if len(rated) == 1 else None)


def _json_text(value: Any, number: int, reader: LineReader) -> str:
    """The symbols of the puzzle that a JSON value is or has.

    Raises:
        ValueError: it has none, or more than one.
    """
    if isinstance(value, dict):
        named = [key for key in value if key.lower() in HEADINGS]
        if len(named) != 1:
            named = [key for key, inner in value.items() if _is_json_puzzle(inner, number, reader)]
        if len(named) != 1:
            raise ValueError(
                f"{reader.place(number)}: which value is the puzzle? It has {', '.join(map(repr, value)) or 'none'}: "
                "name one 'puzzle'"
            )
        value = value[named[0]]
    if isinstance(value, str):
        return reader.whole(number, value if "\n" not in value else "".join(value.splitlines()))
    if isinstance(value, list):
        return reader.whole(number, _flat(value, number, reader))
    raise ValueError(
        f"{reader.place(number)}: a puzzle is text or a list in JSON, got {str(value)[:100]!r}: quote it as text"
    )


def _is_json_puzzle(value: Any, number: int, reader: LineReader) -> bool:
    if not isinstance(value, str | list):
        return False
    try:
        return reader.notation.is_puzzle(_json_text(value, number, reader))
    except ValueError:
        return False


def _flat(value: list[Any], number: int, reader: LineReader) -> str:
    """Cells or rows of a list, one level deep or two, as one string of symbols."""
    cells = [cell for row in value for cell in (row if isinstance(row, list) else [row])]
    symbols = reader.notation.symbols
    for cell in cells:
        if not isinstance(cell, str) and (type(cell) is not int or not 0 <= cell < len(symbols)):
            raise ValueError(
                f"{reader.place(number)}: cell {cell!r} of a list; a {reader.notation.noun} holds 0..{len(symbols) - 1}"
            )
    return "".join(cell if isinstance(cell, str) else symbols[cell] for cell in cells)
