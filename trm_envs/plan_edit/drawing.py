"""What drawings share: terminal styles, a Pillow canvas, and the plain drawing of any `PlanView`."""

from __future__ import annotations

import numpy as np
from gymnasium.error import DependencyNotInstalled
from numpy.typing import NDArray

from trm_envs.plan_edit.view import PlanView

BOLD, RED, GREEN, YELLOW, BLUE, GREY = "1", "31", "32", "33", "34", "90"
"""Codes of `styled`."""

MARK = "●"
"""The symbol of a marked cell."""

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels, right and bottom excluded."""


def styled(text: str, *codes: str) -> str:
    """`text` in the given ANSI styles."""
    return f"\x1b[{';'.join(codes)}m{text}\x1b[0m" if codes else text


def even(pixels: int) -> int:
    """The largest even number up to `pixels`, at least 2: a cell's side, so that the sides of images are even too.

    Most videos (yuv420p) cannot have odd ones.
    """
    return max(2, pixels - pixels % 2)


class Canvas:
    """An RGB picture to draw boxes, lines, discs and characters on.

    It is drawn `oversampling` times larger than it is returned, which smooths slanted and round edges.

    Args:
        size: width and height in pixels, or one number for both.
        colour: background, `#rrggbb`.
        oversampling: how many drawn pixels make one returned pixel, along each side.

    Raises:
        DependencyNotInstalled: Pillow is missing.
    """

    def __init__(self, size: int | tuple[int, int], colour: str, oversampling: int = 1) -> None:
        try:
            # Imported here: training needs no Pillow.
            from PIL import Image, ImageDraw
        except ImportError as error:
            raise DependencyNotInstalled("drawing an image needs Pillow: pip install trm-plan-edit[render]") from error
        self._scale = oversampling
        width, height = (size, size) if isinstance(size, int) else size
        self._image = Image.new("RGB", (width * oversampling, height * oversampling), colour)
        self._draw = ImageDraw.Draw(self._image)

    def box(self, box: Box, colour: str, radius: int = 0) -> None:
        """Fill a box, with rounded corners where `radius` is positive."""
        left, top, right, bottom = (edge * self._scale for edge in box)
        self._draw.rounded_rectangle((left, top, right - 1, bottom - 1), radius * self._scale, colour)

    def line(self, points: list[tuple[float, float]], colour: str, width: float) -> None:
        """Draw a line through points given in pixels, with round joints and ends."""
        scaled = [(x * self._scale, y * self._scale) for x, y in points]
        self._draw.line(scaled, colour, round(width * self._scale))
        for point in points:
            self.disc(point, width / 2, colour)

    def disc(self, centre: tuple[float, float], radius: float, colour: str) -> None:
        """Fill a disc."""
        x, y = (coordinate * self._scale for coordinate in centre)
        reach = radius * self._scale
        self._draw.ellipse((x - reach, y - reach, x + reach, y + reach), colour)

    def character(self, centre: tuple[float, float], text: str, height: float, colour: str, bold: bool = False) -> None:
        """Write one character in a font of `height` pixels, its middle at `centre`."""
        from PIL import ImageFont

        stroke = max(1, round(height * self._scale / 40)) if bold else 0
        font = ImageFont.load_default(height * self._scale)
        place = (centre[0] * self._scale, centre[1] * self._scale)
        self._draw.text(place, text, colour, font, anchor="mm", stroke_width=stroke)

    def pixels(self) -> NDArray[np.uint8]:
        """The picture, shape (height, width, 3)."""
        # A copy: the view that Pillow gives is read-only.
        return np.array(self._image.reduce(self._scale), np.uint8)


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
