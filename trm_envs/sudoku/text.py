"""Sudoku grids as text: one puzzle a line, 1-9 and then letters from A on for the digits, `.` for a blank."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, partial
from math import isqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from trm_envs.reading import Notation, read
from trm_envs.sudoku.geometry import Grids, check_grids, check_size, units
from trm_envs.sudoku.solver import is_unsolvable

SYMBOLS = ".123456789ABCDEFGHIJKLMNOP"
BLANKS = ".0*_-?"
"""What a blank may be written as."""


@cache
def notation(size: int) -> Notation:
    """How N x N puzzles are written."""
    check_size(size)
    digits = SYMBOLS[1 : size + 1]
    named = digits if size < 16 else f"1-9 and A-{digits[-1]}"
    return Notation(
        (size, size),
        high=size,
        noun=f"{size}x{size} puzzle",
        symbols=SYMBOLS[: size + 1],
        others=dict.fromkeys(BLANKS, 0),
        legend=f"{named} for the digits and one of {' '.join(BLANKS)} for a blank",
        comment="#",
        band=isqrt(size),
        separators="|",
        doubt=partial(_doubt, size),
        partial=(0,),
    )


def format_grids(grids: npt.ArrayLike) -> list[str]:
    """Return one line of N*N symbols for each grid of an integer array (B, N*N).

    Raises:
        ValueError: for a wrong shape, type or value.
    """
    array, size = check_grids(grids)
    return notation(size).text(array)


def parse_grid_lines(lines: Iterable[str], size: int, name: str = "lines") -> Grids:
    """Read puzzles from lines of text, as shipped pools hold them.

    Args:
        lines: the lines, with or without line ends.
        size: N, one of 4, 9, 16, 25.
        name: what errors call the source.

    Returns:
        int8 array (B, N*N), 0 = blank. Whether a puzzle has a solution is not looked at.

    Raises:
        ValueError: a line is no puzzle, repeats a digit in a row, column or box, or has no blank, or there is no
            puzzle; names the line, the cause and the remedy.
    """
    return read(list(lines), notation(size), _first_conflict, name)


def read_puzzles(source: Any, size: int) -> Grids:
    """Read a user's puzzles of one size, in any form of `trm_envs.reading.read`, and check every one.

    Returns:
        int8 array (B, N*N), 0 = blank. Whether a solution is the only one is not looked at.

    Raises:
        ValueError: as `parse_grid_lines`, and for a puzzle that has no solution.
        FileNotFoundError: there is no such file.
    """
    return read(source, notation(size), first_flaw)


def first_flaw(grids: Grids) -> tuple[int, str] | None:
    """Index and flaw of the first of these puzzles, shape (B, N*N), without a solution or a blank, or None."""
    bad = np.flatnonzero(is_unsolvable(grids) | (grids != 0).all(axis=1))
    return (int(bad[0]), _flaw(grids[bad[0]])) if len(bad) else None


def _first_conflict(grids: Grids) -> tuple[int, str] | None:
    """`first_flaw` without the question whether there is a solution."""
    size = isqrt(grids.shape[1])
    bits = np.where(grids > 0, 1 << grids.astype(np.int32), 0)[:, units(size)]
    # Distinct powers of two add up to their bitwise union, repeated ones do not.
    broken = (bits.sum(axis=2) != np.bitwise_or.reduce(bits, axis=2)).any(axis=1)
    bad = np.flatnonzero(broken | (grids != 0).all(axis=1))
    return (int(bad[0]), _flaw(grids[bad[0]])) if len(bad) else None


def _flaw(grid: npt.NDArray[np.int8]) -> str:
    """What is wrong with a puzzle, shape (N*N,), that repeats a digit, has no blank, or has no solution."""
    if repeated := _repeated(grid):
        return repeated
    if (grid != 0).all():
        return "no cell is blank, there is nothing to solve: leave it out"
    return f"it has no solution: {_dead_end(grid)}: correct its givens, or leave it out"


def _repeated(grid: npt.NDArray[np.int8]) -> str | None:
    """Which digit is given twice where."""
    size = isqrt(len(grid))
    for unit, cells in enumerate(units(size)):
        digits = grid[cells]
        repeated = np.flatnonzero(np.bincount(digits[digits > 0], minlength=size + 1) > 1)
        if len(repeated):
            return f"digit {SYMBOLS[repeated[0]]} is given twice in {_unit(unit, size)}: correct it"
    return None


def _dead_end(grid: npt.NDArray[np.int8]) -> str:
    """Why no solution exists, as far as the givens alone show it."""
    size = isqrt(len(grid))
    allowed = np.repeat(grid[:, None] == 0, size, axis=1)
    for cells in units(size):
        digits = grid[cells]
        allowed[np.ix_(cells, digits[digits > 0] - 1)] = False
    stuck = np.flatnonzero((grid == 0) & ~allowed.any(axis=1))
    if len(stuck):
        row, column = divmod(int(stuck[0]), size)
        return f"no digit fits into row {row + 1}, column {column + 1}"
    for unit, cells in enumerate(units(size)):
        homeless = (
            set(range(1, size + 1))
            - set(grid[cells].tolist())
            - set((np.flatnonzero(allowed[cells].any(0)) + 1).tolist())
        )
        if homeless:
            return f"no cell of {_unit(unit, size)} can hold {SYMBOLS[min(homeless)]}"
    return "every way to fill its blanks repeats a digit"


def _unit(unit: int, size: int) -> str:
    return f"{('row', 'column', 'box')[unit // size]} {unit % size + 1}"


def _doubt(size: int, text: str) -> str | None:
    """Both readings of a line that may be written in other digits, such as 0-F."""
    if size < 16 and "0" not in text:
        return None
    text, digits = text.upper(), SYMBOLS[1 : size + 1]
    if size > 9 and not set("123456789") & set(text) and set(digits[9:]) & set(text):
        last, other = digits[-1], chr(ord("A") + size - 1)
        return (
            f"its letters are the digits 10 to {size}, written A-{last}, or 1 to {size - 9} of A-{other}: "
            f"write the digits as 1-9 and A-{last}"
        )
    if not 0 < text.count("0") <= size or digits[-1] in text:
        return None
    # Read with 0 as the first digit, and every other one moved up by one.
    moved = np.array([("0" + digits).find(symbol) + 1 for symbol in text], np.int8)
    if _repeated(moved):
        return None
    usual, other = f"1-{size}", f"0-{size - 1}"
    if size > 9:
        usual, other = f"1-9 and A-{digits[-1]}", f"0-9 and A-{digits[-2]}"
    blank = next((symbol for symbol in text if symbol in BLANKS and symbol != "0"), None)
    rest = f"with {blank!r} alone for a blank" if blank else "with no blank"
    return f"0 is a blank and the digits are {usual}, or they are {other}, {rest}: write {usual}, and '.' for a blank"
