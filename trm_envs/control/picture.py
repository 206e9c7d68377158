"""What drawings of control plans share: a path in a plane, a target, and bars of the controls below."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trm_envs import drawing
from trm_envs.drawing import Canvas, styled

Numbers = NDArray[np.float64]
Point = tuple[float, float]


class Bars(NamedTuple):
    """Controls, one bar a step."""

    levels: Numbers
    """From -1 (their lower bound) to 1 (their upper bound), shape (N,); NaN where nothing is known yet."""
    base: float
    """Where bars begin: 0, or -1 for controls that are never negative."""
    full: NDArray[np.bool_]
    """Which are red, because they are at a bound, shape (N,)."""
    words: str
    """What they are, with unit and bounds, below the text."""
    label: str
    """The same below the picture."""


class Picture(NamedTuple):
    """What is drawn of a plan."""

    path: Numbers
    """Places across and upwards, shape (K, 2), K >= 1, finite."""
    astray: NDArray[np.bool_]
    """Which places are red, because they break a constraint, shape (K,)."""
    window: tuple[float, float, float, float]
    """Left, right, bottom and top of the plane."""
    rules: list[tuple[Point, Point]]
    """Straight lines to draw in grey, within the window."""
    target: Point
    """Half width and half height of the target around (0, 0)."""
    success: bool
    """Whether the path ends at the target."""
    heading: str
    axes: str
    """Names, units and ranges of both axes, below the heading of the text."""
    labels: list[tuple[float, float, str]]
    """What is written into the picture: x and y in pixels of its middle, and the words."""
    bars: Bars


COLUMNS, ROWS = 61, 21
"""Of the plane in characters."""
_BARS = "▁▂▃▄▅▆▇█"


def text(picture: Picture) -> str:
    """The plane in characters: a blue path from S to E, E green at the target `o` and red elsewhere.

    Places that break a constraint are red. Below the plane are the controls, one bar a step, red where they are full.
    """
    grid = [[" "] * COLUMNS for _ in range(ROWS)]
    for start, end in picture.rules:
        steps = np.linspace(0.0, 1.0, 2 * COLUMNS)[:, None]
        for place in np.array(start) * (1.0 - steps) + np.array(end) * steps:
            row, column = _cell(picture, place)
            grid[row][column] = "·"
    cells = [_cell(picture, place) for place in picture.path]
    for (row, column), astray in zip(cells, picture.astray.tolist(), strict=True):
        grid[row][column] = styled("•", drawing.RED if astray else drawing.BLUE)
    row, column = _cell(picture, np.zeros(2))
    grid[row][column] = styled("o", drawing.GREEN)
    ending = styled("E", drawing.BOLD, drawing.GREEN if picture.success else drawing.RED)
    for (row, column), letter in ((cells[0], styled("S", drawing.BOLD)), (cells[-1], ending)):
        grid[row][column] = letter
    bars = "".join(
        _bar(level, full) for level, full in zip(picture.bars.levels.tolist(), picture.bars.full.tolist(), strict=True)
    )
    lines = ["".join(line).rstrip() for line in grid]
    return "\n".join([picture.heading, picture.axes, *lines, f"{bars}  {picture.bars.words}"])


def _bar(level: float, full: bool) -> str:
    if not np.isfinite(level):
        return " "
    bar = _BARS[round((min(1.0, max(-1.0, level)) + 1.0) / 2.0 * (len(_BARS) - 1))]
    return styled(bar, drawing.RED) if full else bar


def _cell(picture: Picture, place: Numbers) -> tuple[int, int]:
    left, right, bottom, top = picture.window
    column = round((place[0] - left) / (right - left) * (COLUMNS - 1))
    return round((top - place[1]) / (top - bottom) * (ROWS - 1)), column


PAPER, RULE, INK = "#ffffff", "#c3cad3", "#1d2733"
_PATH, _BROKEN, _TARGET, _CONTROL = "#1f63c6", "#c2181f", "#1d9a5b", "#7a8696"
WIDTH, PLANE, STRIP, MARGIN, TOP = 480, 340, 100, 16, 24
"""Of the picture, in pixels: its width, the heights of plane and bars, the margin of both, and the heading's height."""
_OVERSAMPLING = 3


def image(picture: Picture) -> NDArray[np.uint8]:
    """The plane above, path blue from a dark start to an end that is green at the target; the controls below.

    Returns:
        An RGB picture, shape (480, 480, 3).

    Raises:
        DependencyNotInstalled: Pillow is missing.
    """
    canvas = Canvas(WIDTH, PAPER, _OVERSAMPLING)
    _draw_plane(canvas, picture)
    _draw_bars(canvas, picture.bars)
    return canvas.pixels()


def _draw_plane(canvas: Canvas, picture: Picture) -> None:
    for start, end in picture.rules:
        canvas.line([_pixel(picture, start), _pixel(picture, end)], RULE, 1)
    wide, high = picture.target
    around = np.linspace(0.0, 2.0 * np.pi, 49)
    canvas.line([_pixel(picture, (wide * np.cos(a), high * np.sin(a))) for a in around], _TARGET, 1.5)
    points = [_pixel(picture, (x, y)) for x, y in picture.path.tolist()]
    canvas.line(points, _PATH, 2)
    for point, astray in list(zip(points, picture.astray.tolist(), strict=True))[1:-1]:
        canvas.disc(point, 2.5, _BROKEN if astray else _PATH)
    canvas.disc(points[0], 5, INK)
    canvas.disc(points[-1], 5, _TARGET if picture.success else _BROKEN)
    canvas.character((WIDTH / 2, TOP / 2), picture.heading, 13, INK)
    for x, y, words in picture.labels:
        canvas.character((x, y), words, 11, INK)


def _pixel(picture: Picture, place: Point) -> Point:
    left, right, bottom, top = picture.window
    x = MARGIN + (place[0] - left) / (right - left) * (WIDTH - 2 * MARGIN)
    return x, TOP + MARGIN + (top - place[1]) / (top - bottom) * (PLANE - 2 * MARGIN)


def _draw_bars(canvas: Canvas, bars: Bars) -> None:
    top = TOP + PLANE
    base = top + STRIP / 2 * (1.0 - bars.base)
    for edge in (top, top + STRIP / 2, top + STRIP):
        canvas.line([(MARGIN, edge), (WIDTH - MARGIN, edge)], RULE, 1)
    width = (WIDTH - 2 * MARGIN) / len(bars.levels)
    for k, (level, full) in enumerate(zip(bars.levels.tolist(), bars.full.tolist(), strict=True)):
        if not np.isfinite(level):
            continue
        height = top + STRIP / 2 * (1.0 - min(1.0, max(-1.0, level)))
        left, right = round(MARGIN + k * width), max(round(MARGIN + k * width) + 1, round(MARGIN + (k + 1) * width))
        upper, lower = round(min(base, height)), round(max(base, height))
        if lower > upper:
            canvas.box((left, upper, right, lower), _BROKEN if full else _CONTROL)
    canvas.character((WIDTH / 2, top + STRIP + 8), bars.label, 11, INK)
