"""The plain drawing of any `PlanView`, and the parts that the drawings of puzzles share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trm_envs.drawing import BLUE, BOLD, GREEN, GREY, RED, YELLOW, Box, Canvas, even, styled
from trm_envs.plan_edit.view import PlanView

__all__ = [
    "BLUE",
    "BOLD",
    "GREEN",
    "GREY",
    "MARK",
    "RED",
    "YELLOW",
    "Box",
    "Canvas",
    "even",
    "image_of",
    "styled",
    "text_of",
]

MARK = "●"
"""The symbol of a marked cell."""

_RULE, _WALL = "#c3cad3", "#2f3b4a"
_OPEN_PAPER, _GIVEN_PAPER, _VIOLATION_PAPER, _DEAD_END_PAPER = "#ffffff", "#eef1f5", "#fbcdcd", "#ffe6ad"
_GIVEN_INK, _EDIT_INK, _VIOLATION_INK = "#1d2733", "#1f63c6", "#c2181f"

# The longer side of an image has about so many pixels, and no cell is wider than the second number.
_SIDE, _LARGEST_CELL, _MARGIN = 500, 72, 12


def text_of(view: PlanView, shape: tuple[int, int]) -> str:
    """A grid of symbols: given ones bold, edits blue, violations red, blanks a grey dot, dead ends a yellow `x`.

    Args:
        view: one state.
        shape: rows and columns.
    """
    width = max(map(len, view.symbols), default=1) or 1
    cells = [_cell_text(view, cell, width) for cell in range(len(view.symbols))]
    return "\n".join(" ".join(cells[start : start + shape[1]]) for start in range(0, len(cells), shape[1]))


def _cell_text(view: PlanView, cell: int, width: int) -> str:
    symbol, kind = view.symbols[cell], view.kinds[cell]
    if kind == "wall":
        return styled("█" * width, GREY)
    if not symbol:
        return styled("x".rjust(width), YELLOW) if view.dead_ends[cell] else styled("·".rjust(width), GREY)
    colour = [RED] if view.violating[cell] else [YELLOW] if view.dead_ends[cell] else [BLUE] if kind == "edit" else []
    return styled(symbol.rjust(width), *([BOLD] if kind == "given" else []), *colour)


def image_of(view: PlanView, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """A grid of symbols: given ones dark on grey, edits blue, violations on red, dead ends on amber.

    Args:
        view: one state.
        shape: rows and columns.

    Returns:
        An RGB picture, shape (height, width, 3); its sides are even.

    Raises:
        DependencyNotInstalled: Pillow is missing.
    """
    rows, columns = shape
    pixels = even(max(4, min(_LARGEST_CELL, _SIDE // max(shape))))
    canvas = Canvas((2 * _MARGIN + columns * pixels, 2 * _MARGIN + rows * pixels), _RULE)
    for cell in range(rows * columns):
        left, top = _MARGIN + cell % columns * pixels, _MARGIN + cell // columns * pixels
        canvas.box((left + 1, top + 1, left + pixels, top + pixels), _paper(view, cell))
        _write(canvas, view, cell, (left + pixels / 2, top + pixels / 2), pixels)
    return canvas.pixels()


def _paper(view: PlanView, cell: int) -> str:
    if view.kinds[cell] == "wall":
        return _WALL
    if view.violating[cell]:
        return _VIOLATION_PAPER
    return _DEAD_END_PAPER if view.dead_ends[cell] else _GIVEN_PAPER if view.kinds[cell] == "given" else _OPEN_PAPER


def _write(canvas: Canvas, view: PlanView, cell: int, centre: tuple[float, float], pixels: int) -> None:
    """The symbol of a cell, small enough that all its characters fit; a mark is a disc, which every font has."""
    symbol, given = view.symbols[cell], view.kinds[cell] == "given"
    ink = _GIVEN_INK if given else _VIOLATION_INK if view.violating[cell] else _EDIT_INK
    if symbol == MARK:
        canvas.disc(centre, 0.25 * pixels, ink)
    elif symbol:
        canvas.character(centre, symbol, 0.58 * pixels / max(1.0, 0.7 * len(symbol)), ink, bold=given)
