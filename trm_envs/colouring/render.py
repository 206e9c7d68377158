"""How a colouring looks: vertices on a circle, or as a line of text each, conflicts and dead ends told apart."""

from __future__ import annotations

from math import cos, pi, sin

import numpy as np
from numpy.typing import NDArray

from trm_envs.plan_edit import drawing
from trm_envs.plan_edit.drawing import Canvas, styled

_PAPER, _EDGE, _CONFLICT, _BLANK, _DEAD_END, _RING, _INK = (
    "#ffffff",
    "#c3cad3",
    "#d3262d",
    "#eef1f5",
    "#ffe6ad",
    "#2f3b4a",
    "#1d2733",
)
_COLOURS = ("#4c8bf5", "#f2a900", "#3aa76d", "#a05fc2", "#e8734a", "#58b7c4", "#b5b04d", "#d977a8", "#8a8f98")
"""Of the vertices with the colours 1 to 9."""

_SIDE, _MARGIN, _OVERSAMPLING = 500, 30, 2


def text(
    instance: NDArray[np.int8], plan: NDArray[np.int8], violating: NDArray[np.bool_], dead: NDArray[np.bool_]
) -> str:
    """A line a vertex: its number and colour, then its neighbours and theirs.

    A colour is blue, or red where a neighbour has the same one. A vertex without a colour is a grey dot, or a yellow
    `x` where no colour fits.
    """
    matrix = instance.reshape(len(plan), -1)
    shown = [_shown(*facts) for facts in zip(plan.tolist(), violating, dead, strict=True)]
    width = len(str(len(plan)))
    lines = []
    for vertex, row in enumerate(matrix):
        beside = "  ".join(f"{other + 1}:{shown[other]}" for other in np.flatnonzero(row))
        lines.append(f"{vertex + 1:>{width}} {shown[vertex]}  {styled('-', drawing.GREY)}  {beside}")
    return "\n".join(lines)


def _shown(colour: int, violating: bool, dead: bool) -> str:
    if colour:
        return styled(str(colour), drawing.RED if violating else drawing.BLUE)
    return styled("x", drawing.YELLOW) if dead else styled("·", drawing.GREY)


def image(
    instance: NDArray[np.int8], plan: NDArray[np.int8], violating: NDArray[np.bool_], dead: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """An RGB image: vertices on a circle in their colours, conflicting edges red and thick, dead ends amber."""
    n = len(plan)
    canvas = Canvas(_SIDE, _PAPER, _OVERSAMPLING)
    radius = _SIDE / 2 - _MARGIN
    places = [(_SIDE / 2 + radius * sin(2 * pi * v / n), _SIDE / 2 - radius * cos(2 * pi * v / n)) for v in range(n)]
    edges = np.argwhere(np.triu(instance.reshape(n, n)))
    broken = (plan[edges[:, 0]] == plan[edges[:, 1]]) & (plan[edges[:, 0]] > 0)
    # Conflicts last, so that no other edge hides them.
    for index in np.argsort(broken, kind="stable"):
        ends = [places[vertex] for vertex in edges[index]]
        canvas.line(ends, _CONFLICT if broken[index] else _EDGE, 3.0 if broken[index] else 1.0)
    size = min(18.0, 0.42 * 2 * pi * radius / n)
    for vertex, place in enumerate(places):
        canvas.disc(place, size, _CONFLICT if violating[vertex] else _RING)
        colour = int(plan[vertex])
        paper = _COLOURS[colour - 1] if colour else _DEAD_END if dead[vertex] else _BLANK
        canvas.disc(place, 0.84 * size, paper)
        if colour:
            canvas.character(place, str(colour), 1.1 * size, _INK)
    return canvas.pixels()
