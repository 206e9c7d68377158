"""Mazes as text: one maze a line of N*N characters, row after row: `#` wall, `.` free, `S` start, `G` goal."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from trm_envs.maze.paths import flaw
from trm_envs.plan_edit.reading import check_integers, load_array, path_of, read_line
from trm_envs.plan_edit.task import Grids

SYMBOLS = ".#SG"
"""The character of each value of an instance cell."""

SUFFIXES = (".npy", ".txt")
"""Of the files that mazes are read from."""

MazeSource: TypeAlias = npt.ArrayLike | str | os.PathLike[str] | Sequence[str]


def format_mazes(mazes: Grids) -> list[str]:
    """One line of text for each maze of an array of shape (B, N*N)."""
    symbols = np.frombuffer(SYMBOLS.encode(), np.uint8)
    return [symbols[maze].tobytes().decode() for maze in mazes]


def parse_mazes(lines: Iterable[str], size: int, name: str = "lines") -> tuple[Grids, list[str]]:
    """Read mazes from lines of text; blank lines are ignored.

    Args:
        lines: the lines, with or without line ends.
        size: side N.
        name: what errors call the source.

    Returns:
        int8 array (B, N*N), and the place of each maze ("file.txt, line 3"). Whether a maze can be solved is not
        checked.

    Raises:
        ValueError: a line has a wrong length or character; names the source, the line and the cause.
    """
    texts, places = [], []
    for number, line in enumerate(lines, start=1):
        text, place = line.strip(), f"{name}, line {number}"
        if not text:
            continue
        if len(text) != size * size:
            raise ValueError(f"{place}: a {size}x{size} maze has {size * size} characters, found {len(text)}")
        if unknown := set(text) - set(SYMBOLS):
            position = min(map(text.index, unknown))
            raise ValueError(
                f"{place}: character {text[position]!r} at position {position + 1}; "
                "a maze is written with '#' wall, '.' free, 'S' start and 'G' goal"
            )
        texts.append(text)
        places.append(place)
    values = np.zeros(128, np.int8)
    values[list(SYMBOLS.encode())] = np.arange(len(SYMBOLS))
    return values[np.frombuffer("".join(texts).encode("ascii"), np.uint8)].reshape(-1, size * size), places


def read_mazes(source: MazeSource, size: int) -> Grids:
    """Read mazes of one size from an array, a sequence of lines or a file, and check every one.

    Args:
        source: an integer array (B, N*N) or (B, N, N) of 0 free, 1 wall, 2 start, 3 goal; a sequence of lines; one
            line; or the path of a `.npy` array or of a `.txt` file of lines. `path_of` says which strings are paths.
        size: side N.

    Returns:
        int8 array (B, N*N).

    Raises:
        ValueError: a form, length or character is wrong, or a maze has not one start and one goal that a path of
            more than one step joins; names the line or the maze, and the cause.
        FileNotFoundError: the file does not exist.
    """
    name, path = "puzzles", path_of(source, SUFFIXES)
    if path is not None:
        name = str(path)
        mazes, places = _read_file(path, size)
    elif isinstance(source, str):
        mazes = read_line(source, lambda lines: parse_mazes(lines, size, name)[0], SUFFIXES)
        places = [f"{name}, line 1"]
    elif isinstance(source, Sequence) and source and all(isinstance(line, str) for line in source):
        mazes, places = parse_mazes(map(str, source), size, name)
    else:
        mazes, places = _from_array(np.asarray(source), size, name)
    if len(mazes) == 0:
        raise ValueError(f"{name}: holds no maze")
    for maze, place in zip(mazes, places, strict=True):
        if found := flaw(maze):
            raise ValueError(f"{place}: {found}")
    return mazes


def _read_file(path: Path, size: int) -> tuple[Grids, list[str]]:
    """The mazes of a file, and the place of each."""
    if path.suffix.lower() == ".npy":
        return _from_array(load_array(path), size, str(path))
    if path.suffix.lower() != ".txt":
        raise ValueError(f"{path}: mazes are read from .npy and .txt files, not from {path.suffix!r}")
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return parse_mazes(file, size, str(path))


def _from_array(array: npt.NDArray[np.generic], size: int, name: str) -> tuple[Grids, list[str]]:
    """The mazes of an array, and the place of each."""
    if array.shape[1:] not in ((size * size,), (size, size)):
        raise ValueError(f"{name}: expected the shape (B, {size * size}) or (B, {size}, {size}), got {array.shape}")
    check_integers(array, name)
    # Clipped, so that no value wraps round to a good one on its way to int8.
    clipped: Grids = np.clip(array, -1, len(SYMBOLS)).astype(np.int8)
    return clipped.reshape(-1, size * size), [f"{name}, maze {number}" for number in range(1, len(array) + 1)]
