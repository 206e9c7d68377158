"""Puzzles in arrays: in memory, and in `.npy` and `.npz` files, which are read piece by piece."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trm_envs.reading.notation import Grids, Notation

HEADINGS = ("puzzle", "puzzles", "quiz", "quizzes", "question", "questions", "maze", "mazes")
"""What public collections call their puzzles, where they hold other things too."""

RATINGS = ("rating", "ratings", "difficulty")
"""What public collections call their measure of how hard a puzzle is."""

PIECE = 4096
"""Puzzles that are read at once."""

_MOST_BYTES = 1 << 28
"""Of an array that cannot be read piece by piece."""

_PIECE_BYTES = 1 << 25
"""That are read at once."""


@dataclass(frozen=True)
class Places:
    """Where the puzzles of a batch are: index -> the place to name in an error."""

    name: str
    numbers: NDArray[np.int64]
    """Numbers of their lines, or their indices."""
    lines: bool
    """Whether they are lines of a text."""

    def __call__(self, index: int) -> str:
        """The place of one puzzle."""
        number = int(self.numbers[index])
        return f"{self.name}, line {number}" if self.lines else f"{self.name}[{number}]"


class Batch(NamedTuple):
    """Some puzzles of a source, and where they are. It can be pickled, and is a source itself."""

    grids: Grids
    place: Callable[[int], str]
    """Index in `grids` -> the place to name in an error."""
    ratings: NDArray[np.float64] | None = None
    """How hard the source says that each puzzle is, shape (B,), nan where it says no number; None: it rates none."""
    read: float = 1.0
    """Share of the source that has been read by then; of a file, of its bytes."""

    def pieces(self, size: int, before: float) -> Iterator[Batch]:
        """The batch in parts of at most `size` puzzles; `before` is the share that was read before it."""
        for start in range(0, len(self.grids), size):
            stop = min(start + size, len(self.grids))
            yield Batch(
                self.grids[start:stop],
                partial(_shifted, self.place, start),
                None if self.ratings is None else self.ratings[start:stop],
                before + (self.read - before) * stop / len(self.grids),
            )


def _shifted(place: Callable[[int], str], start: int, index: int) -> str:
    return place(start + index)


def check_integers(dtype: np.dtype[Any], name: str) -> None:
    """Raise ValueError, with the name of the source, unless the dtype is an integer's.

    Floats are refused, whole numbers among them, and so are bool, complex and spans of time.
    """
    # Not `numpy.issubdtype`: to it a span of time is an integer.
    if dtype.kind not in "iu":
        raise ValueError(f"{name}: expected an integer type, got {dtype}; convert with .astype(int)")


def array_batches(array: NDArray[Any], notation: Notation, name: str) -> Iterator[Batch]:
    """The puzzles of an integer array: one, of shape (n_cells,) or (rows, columns), or many of such a shape.

    Raises:
        ValueError: another shape or type, or a value out of range; names the index.
    """
    check_integers(array.dtype, name)
    _check_shape(array.shape, notation, name)
    flat = array.reshape(-1, notation.n_cells)
    for start in range(0, len(flat), PIECE):
        yield _checked(flat[start : start + PIECE], notation, name, start)


def npy_batches(file: IO[bytes], notation: Notation, name: str) -> Iterator[Batch | list[str]]:
    """The puzzles of a NumPy array file, and of an array of text its lines.

    Raises:
        ValueError: it holds no such array, or is cut off.
    """
    shape, fortran, dtype = _header(file, name)
    is_text = dtype.kind in "US" and dtype.itemsize > 0 and len(shape) == 1
    if not is_text:
        check_integers(dtype, name)
        _check_shape(shape, notation, name)
    if shape in ((notation.n_cells,), notation.shape) and not is_text:
        shape = (1, *shape)
    size = prod(shape[1:]) * dtype.itemsize
    if fortran and size * shape[0] > _MOST_BYTES:
        raise ValueError(f"{name}: a large array in Fortran's order: save it after numpy.ascontiguousarray")
    step = shape[0] if fortran else min(PIECE, _PIECE_BYTES // max(1, size))
    if size > _PIECE_BYTES:
        raise ValueError(f"{name}: a row of {size:,} bytes is no puzzle")
    for start in range(0, shape[0], max(1, step)):
        count = min(step, shape[0] - start)
        data = file.read(count * size)
        if len(data) < count * size:
            raise ValueError(f"{name}: cut off: {shape[0]} rows are announced, and row {start} is not complete")
        piece = np.frombuffer(data, dtype)
        if is_text:
            yield [line.decode("utf-8", "replace") if isinstance(line, bytes) else line for line in piece.tolist()]
        else:
            piece = piece.reshape((count, *shape[1:]), order="F" if fortran else "C")
            yield _checked(piece.reshape(count, -1), notation, name, start)


def npz_batches(file: IO[bytes], notation: Notation, name: str) -> Iterator[Batch | list[str]]:
    """The puzzles of a NumPy archive: its only array, or the one of the name `puzzles` or a like name.

    Raises:
        ValueError: it is no such archive, is damaged, or it is not plain which array is meant.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = [member.removesuffix(".npy") for member in archive.namelist() if member.endswith(".npy")]
            named = [member for member in members if member.lower() in HEADINGS]
            chosen = members if len(members) == 1 else named
            if len(chosen) != 1:
                raise ValueError(
                    f"{name}: which array are the puzzles? It holds {', '.join(members) or 'none'}: name one "
                    "'puzzles', or hand over the array"
                )
            with archive.open(f"{chosen[0]}.npy") as member:
                yield from npy_batches(member, notation, f"{name}:{chosen[0]}")
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError) as error:
        raise ValueError(f"{name}: damaged archive ({error}): save it again with numpy.savez") from error


def _header(file: IO[bytes], name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        version = np.lib.format.read_magic(file)
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in readers:
            raise ValueError(f"version {version}")
        shape, fortran, dtype = readers[version](file)
    except Exception as error:  # a header is read as Python source, so that a damaged one may raise anything
        raise ValueError(f"{name}: not a NumPy array file ({error}): save the array with numpy.save") from error
    return tuple(shape), bool(fortran), dtype


def _check_shape(shape: Sequence[int], notation: Notation, name: str) -> None:
    rows, columns = notation.shape
    fitting = ((notation.n_cells,), notation.shape)
    if tuple(shape) not in fitting and tuple(shape[1:]) not in fitting:
        raise ValueError(
            f"{name}: expected the shape (B, {notation.n_cells}) or (B, {rows}, {columns}), got {tuple(shape)}"
        )


def _checked(flat: NDArray[Any], notation: Notation, name: str, start: int) -> Batch:
    """Grids of a piece, shape (count, n_cells), whose values are looked at before they are narrowed."""
    outside = np.argwhere((flat < 0) | (flat > notation.high))
    if len(outside):
        row, cell = (int(index) for index in outside[0])
        raise ValueError(
            f"{name}[{start + row}]: value {flat[row, cell]} at cell {cell}; a {notation.noun} holds 0..{notation.high}"
        )
    return Batch(flat.astype(np.int8), Places(name, np.arange(start, start + len(flat)), lines=False))
