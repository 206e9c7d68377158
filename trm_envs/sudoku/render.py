"""How a Sudoku plan looks: givens, edits, violations and dead ends told apart."""

from __future__ import annotations

from math import isqrt

import numpy as np
from numpy.typing import NDArray

from trm_envs.plan_edit import drawing
from trm_envs.plan_edit.drawing import Canvas, styled
from trm_envs.sudoku.geometry import units
from trm_envs.sudoku.text import SYMBOLS

_PAPER, _GIVEN_PAPER, _VIOLATION_PAPER, _DEAD_END_PAPER = "#ffffff", "#eef1f5", "#fbcdcd", "#ffe6ad"
_GIVEN_INK, _EDIT_INK, _VIOLATION_INK = "#1d2733", "#1f63c6", "#c2181f"
_THIN_LINE, _THICK_LINE = "#c3cad3", "#2b3644"

# Pixels a cell by side, so that every image is 400 to 560 pixels wide.
_CELL_PIXELS = {4: 100, 9: 54, 16: 33, 25: 22}
_MARGIN = 12


def flaws(plan: NDArray[np.int8]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which digits repeat in a row, column or box, and which blanks no digit fits; each of shape (n_cells,)."""
    repeated, seen = np.zeros(len(plan), np.bool_), np.zeros(len(plan), np.int64)
    for cells in units(isqrt(len(plan))):
        digits = plan[cells]
        counts = np.bincount(digits)
        repeated[cells] |= (digits > 0) & (counts[digits] > 1)
        seen[cells] |= np.bitwise_or.reduce(1 << np.unique(digits).astype(np.int64))
    # Bit 0 stands for the blanks, which the cell itself is one of.
    return repeated, (plan == 0) & (seen == (1 << isqrt(len(plan)) + 1) - 1)


def text(instance: NDArray[np.int8], plan: NDArray[np.int8]) -> str:
    """A ruled grid: givens bold, edits blue, repeated digits red (givens among them bold), dead ends a yellow `x`."""
    size = isqrt(len(plan))
    box = isqrt(size)
    repeated, dead = flaws(plan)
    cells = [_cell_text(*facts) for facts in zip(instance > 0, plan, repeated, dead, strict=True)]
    rule = "─" * (2 * box + 1)
    lines = ["┌" + "┬".join([rule] * box) + "┐"]
    for row in range(size):
        if row and row % box == 0:
            lines.append("├" + "┼".join([rule] * box) + "┤")
        groups = [" ".join(cells[start : start + box]) for start in range(row * size, (row + 1) * size, box)]
        lines.append("│ " + " │ ".join(groups) + " │")
    return "\n".join([*lines, "└" + "┴".join([rule] * box) + "┘"])


def _cell_text(given: np.bool_, digit: np.int8, repeated: np.bool_, dead: np.bool_) -> str:
    if digit == 0:
        return styled("x", drawing.YELLOW) if dead else styled("·", drawing.GREY)
    colour = [drawing.RED] if repeated else [] if given else [drawing.BLUE]
    return styled(SYMBOLS[digit], *([drawing.BOLD] if given else []), *colour)


def image(instance: NDArray[np.int8], plan: NDArray[np.int8]) -> NDArray[np.uint8]:
    """An RGB image: givens dark on grey, edits blue, repeated digits on red, blanks that are dead ends on amber."""
    size = isqrt(len(plan))
    pixels = _CELL_PIXELS[size]
    canvas = Canvas(2 * _MARGIN + size * pixels, _PAPER)
    repeated, dead = flaws(plan)
    for cell in range(size * size):
        left, top = _MARGIN + cell % size * pixels, _MARGIN + cell // size * pixels
        given = instance[cell] > 0
        paper = _VIOLATION_PAPER if repeated[cell] else _DEAD_END_PAPER if dead[cell] else _GIVEN_PAPER
        if given or repeated[cell] or dead[cell]:
            canvas.box((left, top, left + pixels, top + pixels), paper)
        if plan[cell] > 0:
            ink = _GIVEN_INK if given else _VIOLATION_INK if repeated[cell] else _EDIT_INK
            centre = (left + pixels / 2, top + pixels / 2)
            canvas.character(centre, SYMBOLS[plan[cell]], 0.58 * pixels, ink, bold=bool(given))
    _rule(canvas, size, pixels)
    return canvas.pixels()


def _rule(canvas: Canvas, size: int, pixels: int) -> None:
    """Thin lines between cells, thick ones around boxes; thin ones first, so that no thick one is cut."""
    box, end = isqrt(size), _MARGIN + size * pixels
    for thick in (False, True):
        for k in range(size + 1):
            if (k % box == 0) == thick:
                middle, half = _MARGIN + k * pixels, 2 if thick else 0
                reach = half if thick else 0
                colour = _THICK_LINE if thick else _THIN_LINE
                across = (middle - half, middle + max(half, 1))
                along = (_MARGIN - reach, end + reach)
                canvas.box((across[0], along[0], across[1], along[1]), colour)
                canvas.box((along[0], across[0], along[1], across[1]), colour)
