"""Mazes as text: one maze a line of N*N characters, row after row: `#` wall, `.` free, `S` start, `G` goal."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, partial
from typing import Any

from trm_envs.maze.paths import FREE, GOAL, START, WALL, flaw
from trm_envs.plan_edit.task import Grids
from trm_envs.reading import Notation, read

SYMBOLS = ".#SG"
"""The character of each value of an instance cell."""


@cache
def notation(size: int) -> Notation:
    """How N x N mazes are written."""
    return Notation(
        (size, size),
        high=GOAL,
        noun=f"{size}x{size} maze",
        symbols=SYMBOLS,
        others={" ": FREE, "_": FREE, "E": GOAL, "0": FREE, "1": WALL, "2": START, "3": GOAL},
        legend="'#' wall, '.', '_' or a space free, 'S' start and 'G' or 'E' goal, or with the values 0 to 3 of arrays",
        doubt=_doubt,
    )


def format_mazes(mazes: Grids) -> list[str]:
    """One line of text for each maze of an array of shape (B, N*N)."""
    return notation(int(mazes.shape[1] ** 0.5)).text(mazes)


def parse_mazes(lines: Iterable[str], size: int, name: str = "lines") -> Grids:
    """Read mazes from lines of text, as shipped pools hold them.

    Args:
        lines: the lines, with or without line ends.
        size: side N.
        name: what errors call the source.

    Returns:
        int8 array (B, N*N). Whether a maze can be solved is not looked at.

    Raises:
        ValueError: a line is no maze; names it, the cause and the remedy.
    """
    return read(list(lines), notation(size), lambda mazes: None, name)


def read_mazes(source: Any, size: int, least: int = 3) -> Grids:
    """Read a user's mazes of one size, in any form of `trm_envs.reading.read`, and check every one.

    Args:
        source: the mazes.
        size: side N.
        least: how many cells a path must have, as in `flaw`.

    Returns:
        int8 array (B, N*N): 0 free, 1 wall, 2 start, 3 goal.

    Raises:
        ValueError: a form, length or character is wrong, or a maze has not one start and one goal that a long enough
            path joins; names the line or the maze, the cause and the remedy.
        FileNotFoundError: there is no such file.
    """
    return read(source, notation(size), partial(first_flaw, least=least))


def first_flaw(mazes: Grids, least: int = 3) -> tuple[int, str] | None:
    """The index of the first of these mazes, shape (B, N*N), that has a flaw, and the flaw; None: there is none."""
    return next(((index, found) for index, maze in enumerate(mazes) if (found := flaw(maze, least))), None)


def _doubt(text: str) -> str | None:
    """Both readings of a line in which digits may be walls or free cells."""
    found = set(text)
    if not found & set("01") or not found & set("SsGgEe") or ("#" in found and "1" not in found):
        return None
    return "0 is free and 1 a wall, or 0 is a wall and 1 free: write '.' for free and '#' for a wall"
