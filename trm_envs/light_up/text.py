"""Light Up as text: one puzzle a line of N*N characters: `.` open, `#` wall, `0` to `4` a wall with that number."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trm_envs.light_up.kernels import MOST, OPEN, WALL, ZERO, around
from trm_envs.light_up.solver import is_unsolvable
from trm_envs.plan_edit.task import Grids
from trm_envs.reading import Notation, read

SYMBOLS = ".#01234"
"""The character of each value of an instance cell."""


@cache
def notation(size: int) -> Notation:
    """How N x N puzzles are written."""
    return Notation(
        (size, size),
        high=MOST,
        noun=f"{size}x{size} Light Up puzzle",
        symbols=SYMBOLS,
        others={"-": OPEN, "_": OPEN, "X": WALL, "B": WALL},
        legend="one of . - _ for an open cell, one of # X B for a wall, '0' to '4' for a wall with that number",
        partial=(OPEN,),
    )


def format_puzzles(instances: Grids) -> list[str]:
    """One line of text for each puzzle of an array of shape (B, N*N)."""
    return notation(isqrt(instances.shape[1])).text(instances)


def parse_puzzles(lines: Iterable[str], size: int, name: str = "lines") -> Grids:
    """Read puzzles from lines of text, as shipped pools hold them.

    Args:
        lines: the lines, with or without line ends.
        size: side N.
        name: what errors call the source.

    Returns:
        int8 array (B, N*N). Whether a puzzle can be solved is not looked at.

    Raises:
        ValueError: a line is no puzzle; names it, the cause and the remedy.
    """
    return read(list(lines), notation(size), lambda puzzles: None, name)


def read_puzzles(source: Any, size: int) -> Grids:
    """Read a user's puzzles of one size, in any form of `trm_envs.reading.read`, and check every one.

    Returns:
        int8 array (B, N*N), values as in `kernels`. Whether a solution is the only one is not looked at.

    Raises:
        ValueError: a form, length or character is wrong, or a puzzle has no open cell or no solution; names the line
            or the puzzle, the cause and the remedy.
        FileNotFoundError: there is no such file.
    """
    return read(source, notation(size), first_flaw)


def first_flaw(instances: Grids) -> tuple[int, str] | None:
    """Index and flaw of the first of these puzzles, shape (B, N*N), that has one, or None."""
    bad = np.flatnonzero((instances != OPEN).all(axis=1) | is_unsolvable(instances))
    return (int(bad[0]), _flaw(instances[bad[0]])) if len(bad) else None


def _flaw(instance: NDArray[np.int8]) -> str:
    """What is wrong with a puzzle, shape (N*N,), that has no open cell or no solution."""
    if (instance != OPEN).all():
        return "no cell is open, so there is nothing to light"
    size, is_open = isqrt(len(instance)), instance == OPEN
    for cell in np.flatnonzero(instance > ZERO):
        number, places = int(instance[cell]) - ZERO, around(is_open, int(cell), size)
        if places < number:
            row, column = divmod(int(cell), size)
            return f"the {number} in row {row + 1}, column {column + 1} has {places} open cells beside it: correct it"
    return "it has no solution: every way to light all cells breaks a number: correct its numbers, or leave it out"
