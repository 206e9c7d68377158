"""How a plan of bulbs looks: lit and dark cells, numbers that are met or not, violations and dead ends told apart."""

from __future__ import annotations

from math import isqrt

import numpy as np
from numpy.typing import NDArray

from trm_envs.light_up.kernels import OPEN, WALL, ZERO, diagnose
from trm_envs.plan_edit import drawing
from trm_envs.plan_edit.drawing import Canvas, styled

_RULE, _WALL, _DARK, _LIT, _DEAD_END = "#c3cad3", "#2f3b4a", "#ffffff", "#fff3b0", "#d9c9ec"
_NUMBER, _VIOLATION, _STUCK_NUMBER, _BULB, _RING = "#ffffff", "#d3262d", "#c9a5ff", "#f2a900", "#7a5a00"

# Every image is about this many pixels wide, and no cell wider than the second number.
_WIDTH, _LARGEST_CELL, _MARGIN = 500, 72, 12
_OVERSAMPLING = 4


def text(instance: NDArray[np.int8], plan: NDArray[np.int8]) -> str:
    """Two columns a cell inside a wall: bulbs blue, lit cells as yellow dots, dark ones empty; numbers on walls bold.

    A bulb that another one sees is `><` and red, and a number with too many bulbs is red. A dead end is `()`, and a
    number that can no longer be met is yellow.
    """
    size = isqrt(len(plan))
    facts = zip(instance.tolist(), plan.tolist(), *diagnose(instance, plan, size), strict=True)
    cells = [_cell_text(*of_cell) for of_cell in facts]
    wall = styled("██", drawing.GREY)
    rows = [wall + "".join(cells[start : start + size]) + wall for start in range(0, size * size, size)]
    return "\n".join([wall * (size + 2), *rows, wall * (size + 2)])


def _cell_text(value: int, bulb: int, lit: bool, violating: bool, dead: bool) -> str:
    if value == WALL:
        return styled("██", drawing.GREY)
    if value != OPEN:
        colour = [drawing.RED] if violating else [drawing.YELLOW] if dead else []
        return styled(f"{value - ZERO} ", drawing.BOLD, *colour)
    if bulb:
        return styled("><", drawing.RED) if violating else styled("●●", drawing.BLUE)
    return styled("· ", drawing.YELLOW) if lit else styled("()", drawing.YELLOW) if dead else "  "


def image(instance: NDArray[np.int8], plan: NDArray[np.int8]) -> NDArray[np.uint8]:
    """An RGB image: lit cells yellow, dark ones white, dead ends violet; bulbs and numbers that break a rule red.

    Its sides are even: most video formats ask for that.
    """
    size = isqrt(len(plan))
    pixels = drawing.even(min(_LARGEST_CELL, (_WIDTH - 2 * _MARGIN) // size))
    canvas = Canvas(2 * _MARGIN + size * pixels, _RULE, _OVERSAMPLING)
    lit, violating, dead = diagnose(instance, plan, size)
    for cell, value in enumerate(instance.tolist()):
        left, top = _MARGIN + cell % size * pixels, _MARGIN + cell // size * pixels
        paper = _WALL if value != OPEN else _LIT if lit[cell] else _DEAD_END if dead[cell] else _DARK
        canvas.box((left + 1, top + 1, left + pixels, top + pixels), paper)
        centre = left + pixels / 2, top + pixels / 2
        if value >= ZERO:
            ink = _VIOLATION if violating[cell] else _STUCK_NUMBER if dead[cell] else _NUMBER
            canvas.character(centre, str(value - ZERO), 0.58 * pixels, ink, bold=True)
        elif plan[cell]:
            canvas.disc(centre, 0.32 * pixels, _RING)
            canvas.disc(centre, 0.27 * pixels, _VIOLATION if violating[cell] else _BULB)
    return canvas.pixels()
