"""What drawings share, whatever they show: terminal styles, a Pillow canvas and a window."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.error import DependencyNotInstalled
from numpy.typing import NDArray

BOLD, RED, GREEN, YELLOW, BLUE, GREY = "1", "31", "32", "33", "34", "90"
"""Codes of `styled`."""

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


class Window:
    """A window of one environment (`human`).

    Raises:
        DependencyNotInstalled: matplotlib, which opens the window, is missing.
    """

    def __init__(self) -> None:
        try:
            # Imported here: only this render mode needs a window.
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise DependencyNotInstalled("render_mode='human' needs matplotlib: pip install matplotlib") from error
        self._plt: Any = plt
        self._figure: Any = None

    def show(self, image: NDArray[np.uint8], fps: float) -> None:
        """Draw an image and leave it there for 1 / `fps` seconds; a window that was closed by hand opens again."""
        if self._figure is None or not self._plt.fignum_exists(self._figure.number):
            # Numbered by matplotlib: figures of one name are one figure.
            self._figure = self._plt.figure(figsize=(6, 6))
            self._figure.canvas.manager.set_window_title(f"Plan editing {self._figure.number}")
        self._figure.clear()
        axes = self._figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.imshow(image)
        self._figure.canvas.draw_idle()
        self._plt.pause(1.0 / fps)

    def close(self) -> None:
        """Close the window."""
        if self._figure is not None:
            self._plt.close(self._figure)
            self._figure = None
