"""How a maze looks: with marks, chains, violations and dead ends told apart, or with an agent in it."""

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
    return _in_walls([_cell_text(*of_cell) for of_cell in facts], size)


def walk_text(instance: NDArray[np.int8], plan: NDArray[np.int8]) -> str:
    """Two columns a cell inside a wall: the agent a blue `@`; S and G bold and green."""
    unmarked, none = np.int8(0), np.bool_(False)
    agent = styled("@ ", drawing.BOLD, drawing.BLUE)
    cells = [
        agent if here else _cell_text(kind, unmarked, none, none) for kind, here in zip(instance, plan, strict=True)
    ]
    return _in_walls(cells, isqrt(len(plan)))


def _in_walls(cells: list[str], size: int) -> str:
    """Rows of cells with a wall around them."""
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
    violating, dead = diagnose(instance, plan, isqrt(len(plan)))
    floors = np.where(violating, _VIOLATION_FLOOR, np.where(dead, _DEAD_END_FLOOR, _PATH_FLOOR))
    canvas, margin, pixels = _floors(instance, np.where(plan == 1, floors, _FLOOR))
    _draw_marks(canvas, plan, violating, margin, pixels)
    _draw_ends(canvas, instance, margin, pixels)
    return canvas.pixels()


def walk_image(instance: NDArray[np.int8], plan: NDArray[np.int8]) -> NDArray[np.uint8]:
    """An RGB image: the agent as a blue disc on light blue, a wall around. Its sides are even."""
    canvas, margin, pixels = _floors(instance, np.where(plan == 1, _PATH_FLOOR, _FLOOR))
    _draw_ends(canvas, instance, margin, pixels)
    for cell in map(int, np.flatnonzero(plan)):
        canvas.disc(_centre(cell, isqrt(len(plan)), margin, pixels), pixels * 0.3, _PATH)
    return canvas.pixels()


def _floors(instance: NDArray[np.int8], floors: NDArray[np.str_]) -> tuple[Canvas, int, int]:
    """A canvas with walls and floors of these colours, the width of the wall around, and that of a cell."""
    size = isqrt(len(instance))
    pixels = drawing.even(min(_LARGEST_CELL, _WIDTH // (size + 1)))
    # The wall around is half a cell thick: it is no cell.
    margin = pixels // 2
    canvas = Canvas(2 * margin + size * pixels, _WALL, _OVERSAMPLING)
    for cell in np.flatnonzero(instance != WALL):
        left, top = margin + int(cell) % size * pixels, margin + int(cell) // size * pixels
        canvas.box((left, top, left + pixels, top + pixels), str(floors[cell]))
    return canvas, margin, pixels


def _draw_ends(canvas: Canvas, instance: NDArray[np.int8], margin: int, pixels: int) -> None:
    """Start and goal."""
    for kind, colour in ((START, _START), (GOAL, _GOAL)):
        _draw_end(
            canvas, _centre(int(np.argmax(instance == kind)), isqrt(len(instance)), margin, pixels), pixels, colour
        )


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
