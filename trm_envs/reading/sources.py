"""Every form in which users hand over puzzles -> batches of grids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from math import isfinite, nan
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trm_envs.instances.numbers import array_of
from trm_envs.reading.arrays import PIECE, Batch, Places, array_batches, npy_batches, npz_batches
from trm_envs.reading.files import SUFFIXES, opened, path_of, text_lines
from trm_envs.reading.lines import Found
from trm_envs.reading.notation import Grids, Notation
from trm_envs.reading.tables import text_puzzles


class OnlyValid(NamedTuple):
    """A source of puzzles whose flawed ones are left out: `gym.make(id, puzzles=OnlyValid("mine.txt", skipped))`.

    What is not written as a puzzle is an error still: nobody knows which puzzle it would have been.
    """

    source: Any
    """As `read` takes it."""
    skipped: list[str]
    """Takes the place and the flaw of each puzzle that is left out."""
    left_out: list[int] | None = None
    """Takes its index as well."""


FirstFlaw = Callable[[Grids], tuple[int, str] | None]
"""Grids, shape (B, n_cells) -> index and flaw, in words, of the first one that has any."""


def read(source: Any, notation: Notation, first_flaw: FirstFlaw, name: str = "puzzles") -> Grids:
    """All puzzles of a source.

    Args:
        source: a path, or a string that is one; text of one puzzle or more; an integer array of shape (B, n_cells) or
            (B, rows, columns), or of one puzzle; a sequence, an array or a pandas Series of lines of text; a `Batch`
            of such puzzles; or `OnlyValid` of one of these.
        notation: how the puzzles are written.
        first_flaw: what is wrong with a puzzle.
        name: what errors call a source that has no name.

    Returns:
        int8 array (B, n_cells), B >= 1.

    Raises:
        ValueError: a puzzle is not written so, or has a flaw, or there is none; names the place and the remedy.
        FileNotFoundError: there is no such file.
    """
    source, skipped, left_out = source if isinstance(source, OnlyValid) else (source, None, None)
    found, count = [], 0
    for batch in batches(source, notation, name):
        flaws = _flaws(batch.grids, first_flaw, every=skipped is not None)
        told = [f"{batch.place(index)}: {flaw}" for index, flaw in flaws.items()]
        if skipped is not None:
            skipped += told
        elif told:
            raise ValueError(told[0])
        if left_out is not None:
            left_out += [count + index for index in flaws]
        count += len(batch.grids)
        found.append(np.delete(batch.grids, list(flaws), axis=0))
    if not sum(map(len, found)):
        told_of = f"; left out: {'; '.join(skipped[:3])}" if skipped else ""
        raise ValueError(f"{path_of(source) or name}: holds no {notation.noun}{told_of}")
    return np.concatenate(found)


def _flaws(grids: Grids, first_flaw: FirstFlaw, every: bool) -> dict[int, str]:
    """Index -> flaw: of the first puzzle that has any, or of every one."""
    first = first_flaw(grids)
    flaws = dict([first] if first else [])
    for index in range(min(flaws) + 1, len(grids)) if flaws and every else ():
        if found := first_flaw(grids[index : index + 1]):
            flaws[index] = found[1]
    return flaws


def batches(source: Any, notation: Notation, name: str = "puzzles") -> Iterator[Batch]:
    """The puzzles of a source in pieces, so that a file need not fit into memory; arguments and errors as of `read`.

    What is wrong with a puzzle that is written correctly is not looked at.
    """
    if isinstance(source, Batch):
        return iter((source,))
    path = path_of(source)
    if path is not None:
        return _file_batches(path, notation)
    if isinstance(source, str):
        return _string_batches(source, notation, name)
    return from_memory(source, notation, name)


def from_memory(source: Any, notation: Notation, name: str) -> Iterator[Batch]:
    """The puzzles of an array, of a sequence, or of a string that is no path; nothing is opened."""
    if isinstance(source, str):
        source = [source]
    if isinstance(source, Sequence) and not isinstance(source, bytes) and any(isinstance(x, str) for x in source):
        return _text_batches(_lines_of(source, name), "", notation, name)
    array = as_array(source, name)
    if array.ndim == 0:
        raise ValueError(
            f"{name} must be text, an array of integers or a sequence of lines, got a "
            f"{type(source).__name__}: {str(source)[:100]!r}"
        )
    if array.ndim > 1 and array.dtype == object and hasattr(source, "columns"):
        raise ValueError(f"{name}: a table: hand over the column of its puzzles, as table['puzzle']")
    if array.shape == (0,):
        return iter(())
    if array.ndim == 1 and array.dtype.kind in "UST" and array.dtype not in (np.dtype("S1"), np.dtype("U1")):
        return _text_batches(_lines_of(array.tolist(), name), "", notation, name)
    if array.ndim == 1 and array.dtype == object and any(isinstance(x, str) for x in array):
        return _text_batches(_lines_of(list(array), name), "", notation, name)
    return array_batches(array, notation, name)


def as_array(source: Any, name: str) -> NDArray[Any]:
    """An array of what is no text: `to_numpy` of pandas and polars included.

    Raises:
        ValueError: there is no array of it.
    """
    try:
        array = array_of(source.to_numpy() if hasattr(source, "to_numpy") else source)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{name}: no array can be made of it ({error}): make all puzzles equally long") from None
    if array.ndim == 1 and array.dtype == object and all(isinstance(x, np.ndarray | list | tuple) for x in array):
        # A column of arrays.
        return as_array(list(array), name) if len(array) else array
    return array


def _string_batches(text: str, notation: Notation, name: str) -> Iterator[Batch]:
    try:
        if not text.strip():
            raise ValueError("it is blank")
        found = list(from_memory(text, notation, name))
        if not found:
            raise ValueError(f"holds no {notation.noun}")
    except ValueError as error:
        if "\n" in text:
            raise
        raise ValueError(
            f"{text[:100]!r} is not the name of a file, does not end in {', '.join(SUFFIXES)}, and is not the text of "
            f"one puzzle: {error}"
        ) from None
    return iter(found)


def _file_batches(path: Path, notation: Notation) -> Iterator[Batch]:
    name = str(path)
    with opened(path) as (file, kind, read):
        if kind in (".npy", ".npz"):
            found = _array_file_batches(file, kind, notation, name)
        else:
            found = _text_batches(text_lines(file, name), kind, notation, name)
        for batch in found:
            yield batch._replace(read=read())


def _array_file_batches(file: IO[bytes], kind: str, notation: Notation, name: str) -> Iterator[Batch]:
    pieces = (npy_batches if kind == ".npy" else npz_batches)(file, notation, name)
    for piece in pieces:
        if isinstance(piece, Batch):
            yield piece
        else:
            # An array of text: all of its pieces are one run of lines.
            texts = chain(piece, (text for more in pieces for text in more))
            yield from _text_batches(_lines_of(texts, name), "", notation, name)


def _lines_of(texts: Iterable[Any], name: str) -> Iterator[str]:
    """Lines of a sequence of text; one text may have several."""
    for index, text in enumerate(texts):
        if isinstance(text, bytes):
            text = text.decode("utf-8", "replace")
        if not isinstance(text, str):
            raise ValueError(f"{name}[{index}]: expected text as in the other places, got {text!r}: leave it out")
        yield from text.splitlines() or [""]


def _text_batches(lines: Iterator[str], kind: str, notation: Notation, name: str) -> Iterator[Batch]:
    if not notation.symbols:
        raise ValueError(
            f"{name}: {notation.noun} reads no text: give an array of {notation.n_cells} integers a puzzle"
        )
    puzzles = text_puzzles(lines, kind, notation, name)
    while piece := list(islice(puzzles, PIECE)):
        yield _batch(piece, notation, name)


def _batch(piece: list[Found], notation: Notation, name: str) -> Batch:
    numbers = np.array([found.number for found in piece], np.int64)
    rated = any(found.rating is not None for found in piece)
    ratings = np.array([_number(found.rating) for found in piece]) if rated else None
    return Batch(notation.grids([found.text for found in piece]), Places(name, numbers, lines=True), ratings)


def _number(rating: str | None) -> float:
    """What a rating says; nan where it is no number."""
    try:
        found = float(rating or "nan")
    except ValueError:
        return nan
    return found if isfinite(found) else nan
