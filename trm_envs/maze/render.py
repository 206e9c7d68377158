"""How a marking of a maze looks: walls, chains, ends, violations and dead ends told apart."""

from __future__ import annotations

from math import isqrt

import numpy as np
from numpy.typing import NDArray

from trm_envs.maze.chains import diagnose
from trm_envs.maze.paths import FREE, GOAL, START, WALL
from trm_envs.plan_edit import drawing
from trm_envs.plan_edit.drawing import Canvas, styled

_FLOOR, _WALL = "#f8f9fb", "#2f3b4a"
_PATH_FLOOR, _VIOLATION_FLOOR, _DEAD_END_FLOOR = "#d6e6fa", "#fbcdcd", "#ffe0a0"
_PATH, _VIOLATION, _START, _GOAL = "#1f63c6", "#d3262d", "#1d9a5b", "#7a3fc4"

# Every image is about this many pixels wide, and no cell wider than the second number.
_WIDTH, _LARGEST_CELL = 500, 72
_SMALLEST_END = 22
_OVERSAMPLING = 4


def text(instance: NDArray[np.int8], plan: NDArray[np.int8]) -> str:
    """Two columns a cell inside a wall: blue marks, red violations, yellow dead ends; S and G bold and green.

    Violations are `><` and dead ends `()`, so that they can be told apart without colours too.
    """
    size = isqrt(len(plan))
    facts = zip(instance, plan, *diagnose(instance, plan, size), strict=True)
    cells = [_cell_text(*of_cell) for of_cell in facts]
    wall = styled("██", drawing.GREY)
    rows = [wall + "".join(cells[start : start + size]) + wall for start in range(0, size * size, size)]
    return "\n".join([wall * (size + 2), *rows, wall * (size + 2)])


def _cell_text(kind: np.int8, marked: np.int8, violating: np.bool_, dead: np.bool_) -> str:
    if kind == WALL:
        return styled("██", drawing.GREY)
    symbol = {START: "S ", GOAL: "G "}.get(int(kind), "><" if violating else "()" if dead else "●●")
    if kind == FREE and not marked:
        return "  "
    colour = drawing.RED if violating else drawing.YELLOW if dead else drawing.GREEN if kind > WALL else drawing.BLUE
    return styled(symbol, *([drawing.BOLD] if kind > WALL else []), colour)


def image(instance: NDArray[np.int8], plan: NDArray[np.int8]) -> NDArray[np.uint8]:
    """An RGB image: the marks as a blue line on light blue, violations red, dead ends on amber, a wall around.

    Its sides are even: most video formats ask for that.
    """
    size = isqrt(len(plan))
    pixels = drawing.even(min(_LARGEST_CELL, _WIDTH // (size + 1)))
    # The wall around is half a cell thick: it is no cell.
    margin = pixels // 2
    canvas = Canvas(2 * margin + size * pixels, _WALL, _OVERSAMPLING)
    violating, dead = diagnose(instance, plan, size)
    for cell in np.flatnonzero(instance != WALL):
        left, top = margin + int(cell) % size * pixels, margin + int(cell) // size * pixels
        floor = _VIOLATION_FLOOR if violating[cell] else _DEAD_END_FLOOR if dead[cell] else _PATH_FLOOR
        canvas.box((left, top, left + pixels, top + pixels), floor if plan[cell] else _FLOOR)
    _draw_marks(canvas, plan, violating, margin, pixels)
    for kind, colour in ((START, _START), (GOAL, _GOAL)):
        _draw_end(canvas, _centre(int(np.argmax(instance == kind)), size, margin, pixels), pixels, colour)
    return canvas.pixels()


def _centre(cell: int, size: int, margin: int, pixels: int) -> tuple[float, float]:
    return margin + (cell % size + 0.5) * pixels, margin + (cell // size + 0.5) * pixels


def _draw_marks(canvas: Canvas, plan: NDArray[np.int8], violating: NDArray[np.bool_], margin: int, pixels: int) -> None:
    """A dot on every marked cell and a line between marked neighbours; red ones on top."""
    size = isqrt(len(plan))
    for red in (False, True):
        colour = _VIOLATION if red else _PATH
        for cell in map(int, np.flatnonzero(plan == 1)):
            centre = _centre(cell, size, margin, pixels)
            if violating[cell] == red:
                canvas.disc(centre, pixels * 0.17, colour)
            for other, inside in ((cell + 1, cell % size < size - 1), (cell + size, cell < size * (size - 1))):
                if inside and plan[other] and (violating[cell] and violating[other]) == red:
                    canvas.line([centre, _centre(other, size, margin, pixels)], colour, pixels * 0.2)


def _draw_end(canvas: Canvas, centre: tuple[float, float], pixels: int, colour: str) -> None:
    """A ringed disc, in a small maze within its cell, in a large one big enough to be seen."""
    for share, shade in ((0.42, _FLOOR), (0.36, colour), (0.2, _FLOOR), (0.12, colour)):
        canvas.disc(centre, max(pixels, _SMALLEST_END) * share, shade)
