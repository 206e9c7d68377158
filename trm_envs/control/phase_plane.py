"""How a plan of a system with two states looks: its path in the phase plane, and its controls below."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trm_envs import drawing
from trm_envs.drawing import Canvas, styled

Numbers = NDArray[np.float64]


class Portrait(NamedTuple):
    """What is drawn of a plan."""

    states: Numbers
    """The path, shape (K, 2), K >= 1."""
    controls: Numbers
    """What has been or will be applied, shape (N,); NaN where nothing is known yet."""
    u_max: float
    """Bound of the controls."""
    tolerance: float
    """Radius of the target around (0, 0)."""
    state_units: tuple[str, ...]
    """Names of the two states with their units."""
    control_unit: str
    """Name of the control with its unit."""
    cost: float
    """J, of the path so far."""
    success: bool
    """Whether the path ends at the target."""


_COLUMNS, _ROWS = 61, 21
_BARS = "▁▂▃▄▅▆▇█"


def text(portrait: Portrait) -> str:
    """The phase plane in characters: a blue path from S to E, green at the target `o` and red elsewhere.

    Below it the controls, one bar a step, red where they are at the bound.
    """
    grid = [["·" if row == _ROWS // 2 or column == _COLUMNS // 2 else " " for column in range(_COLUMNS)]
            for row in range(_ROWS)]  # fmt: skip
    reach = _reach(portrait)
    cells = [_cell(state, reach) for state in _finite(portrait.states)]
    for row, column in cells:
        grid[row][column] = styled("•", drawing.BLUE)
    grid[_ROWS // 2][_COLUMNS // 2] = styled("o", drawing.GREEN)
    for (row, column), letter in ((cells[0], styled("S", drawing.BOLD)), (cells[-1], _end(portrait.success))):
        grid[row][column] = letter
    across, up = portrait.state_units
    axes = f"{across}: -{reach[0]:.3g} to {reach[0]:.3g} across; {up}: -{reach[1]:.3g} to {reach[1]:.3g} upwards"
    bars = "".join(_bar(control, portrait.u_max) for control in portrait.controls)
    controls = f"{bars}  {portrait.control_unit}, -{portrait.u_max:g} to {portrait.u_max:g}"
    return "\n".join([_heading(portrait), axes, *("".join(line).rstrip() for line in grid), controls])


def _heading(portrait: Portrait) -> str:
    # Adding 0 turns -0 into 0.
    last = ", ".join(f"{round(value, 3) + 0.0:.3f}" for value in portrait.states[-1].tolist())
    ending = "at the target" if portrait.success else "not at the target"
    return f"cost {portrait.cost:.4f}   last state ({last}), {ending}"


def _end(success: bool) -> str:
    return styled("E", drawing.BOLD, drawing.GREEN if success else drawing.RED)


def _bar(control: float, u_max: float) -> str:
    if not np.isfinite(control):
        return " "
    level = round((min(1.0, max(-1.0, control / u_max)) + 1.0) / 2.0 * (len(_BARS) - 1))
    return styled(_BARS[level], drawing.RED) if abs(control) >= u_max else _BARS[level]


def _finite(states: Numbers) -> Numbers:
    """The path up to where it diverges; the first state is finite."""
    good = np.isfinite(states).all(axis=1)
    return states if good.all() else states[: max(1, int(good.argmin()))]


def _reach(portrait: Portrait) -> tuple[float, float]:
    """How far each axis goes to both sides: all of the path, and room for the target."""
    far = np.maximum(np.abs(_finite(portrait.states)).max(axis=0), 4.0 * portrait.tolerance) * 1.08
    return float(far[0]), float(far[1])


def _cell(state: Numbers, reach: tuple[float, float]) -> tuple[int, int]:
    column = round((state[0] / reach[0] + 1.0) / 2.0 * (_COLUMNS - 1))
    row = round((1.0 - state[1] / reach[1]) / 2.0 * (_ROWS - 1))
    return row, column


_PAPER, _RULE, _INK = "#ffffff", "#c3cad3", "#1d2733"
_PATH, _BOUND, _TARGET, _MISS, _CONTROL = "#1f63c6", "#c2181f", "#1d9a5b", "#c2181f", "#7a8696"
_WIDTH, _PLANE, _STRIP, _MARGIN, _TOP = 480, 340, 100, 16, 24
_OVERSAMPLING = 3


def image(portrait: Portrait) -> NDArray[np.uint8]:
    """The phase plane above, path blue from a dark start to an end that is green at the target; the controls below.

    Returns:
        An RGB picture, shape (480, 480, 3).

    Raises:
        DependencyNotInstalled: Pillow is missing.
    """
    canvas = Canvas(_WIDTH, _PAPER, _OVERSAMPLING)
    _draw_plane(canvas, portrait)
    _draw_controls(canvas, portrait)
    return canvas.pixels()


def _draw_plane(canvas: Canvas, portrait: Portrait) -> None:
    reach = _reach(portrait)
    half_width, half_height = _WIDTH / 2 - _MARGIN, _PLANE / 2 - _MARGIN
    centre = (_WIDTH / 2, _TOP + _PLANE / 2)
    points = [
        (centre[0] + float(p) / reach[0] * half_width, centre[1] - float(v) / reach[1] * half_height)
        for p, v in _finite(portrait.states)
    ]
    canvas.line([(_MARGIN, centre[1]), (_WIDTH - _MARGIN, centre[1])], _RULE, 1)
    canvas.line([(centre[0], _TOP + _MARGIN), (centre[0], _TOP + _PLANE - _MARGIN)], _RULE, 1)
    around = np.linspace(0.0, 2.0 * np.pi, 49)
    wide, high = portrait.tolerance / reach[0] * half_width, portrait.tolerance / reach[1] * half_height
    canvas.line([(centre[0] + wide * np.cos(a), centre[1] + high * np.sin(a)) for a in around], _TARGET, 1.5)
    canvas.line(points, _PATH, 2)
    for point in points[1:-1]:
        canvas.disc(point, 2.5, _PATH)
    canvas.disc(points[0], 5, _INK)
    canvas.disc(points[-1], 5, _TARGET if portrait.success else _MISS)
    across, up = portrait.state_units
    canvas.character((_WIDTH / 2, _TOP / 2), _heading(portrait), 13, _INK)
    canvas.character((_WIDTH - 75, centre[1] + 10), f"{across} to {reach[0]:.2g}", 11, _INK)
    canvas.character((centre[0] + 75, _TOP + _MARGIN / 2), f"{up} to {reach[1]:.2g}", 11, _INK)


def _draw_controls(canvas: Canvas, portrait: Portrait) -> None:
    top, middle = _TOP + _PLANE, _TOP + _PLANE + _STRIP / 2
    for edge in (top, middle, top + _STRIP):
        canvas.line([(_MARGIN, edge), (_WIDTH - _MARGIN, edge)], _RULE, 1)
    width = (_WIDTH - 2 * _MARGIN) / len(portrait.controls)
    for k, control in enumerate(portrait.controls.tolist()):
        if not np.isfinite(control):
            continue
        height = min(1.0, max(-1.0, control / portrait.u_max)) * _STRIP / 2
        left, right = round(_MARGIN + k * width), max(round(_MARGIN + k * width) + 1, round(_MARGIN + (k + 1) * width))
        upper, lower = round(min(middle, middle - height)), round(max(middle, middle - height))
        if lower > upper:
            canvas.box((left, upper, right, lower), _BOUND if abs(control) >= portrait.u_max else _CONTROL)
    words = f"{portrait.control_unit} within {portrait.u_max:g}"
    canvas.character((_WIDTH / 2, top + _STRIP + 8), words, 11, _INK)
