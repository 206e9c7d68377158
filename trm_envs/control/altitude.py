"""How a powered descent looks: altitude over range with the glide slope, and the thrust below."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trm_envs.control import picture
from trm_envs.control.lander import SLOPE_TOLERANCE, TOUCHDOWN_POSITION, VEHICLE
from trm_envs.control.picture import MARGIN, PLANE, TOP, WIDTH, Bars, Numbers, Picture

_ROOM, _NEAREST = 0.08, 50.0
"""Share of the plane that is left free around a path, and the least that each axis shows, in m."""


class Flight(NamedTuple):
    """What is drawn of a plan."""

    states: Numbers
    """x_0 and what has been flown, in m, m/s and kg, shape (K, 7), K >= 1."""
    plan: Numbers
    """Thrusts (N) and flight time (s), shape (3 N + 1,); NaN where nothing is known yet."""
    fuel: float
    """In kg, of the path so far."""
    success: bool
    """Whether every constraint holds and the path ends on the pad."""


def text(flight: Flight) -> str:
    """Altitude over range in characters, and the thrust, red at its upper bound; see `picture.text`."""
    return picture.text(_picture(flight))


def image(flight: Flight) -> NDArray[np.uint8]:
    """Altitude over range and the thrust as an RGB picture, shape (480, 480, 3).

    Raises:
        DependencyNotInstalled: Pillow is missing.
    """
    return picture.image(_picture(flight))


def _picture(flight: Flight) -> Picture:
    low, high = VEHICLE.thrust_low, VEHICLE.thrust_high
    path = _path(flight.states)
    window = _window(path)
    left, right, bottom, top = window
    # Knots 0 and N are not held above the glide slope.
    astray = path[:, 1] < VEHICLE.slope * path[:, 0] - SLOPE_TOLERANCE
    astray[0], astray[-1] = False, False
    norms = np.linalg.norm(flight.plan[:-1].reshape(-1, 3), axis=1)
    with np.errstate(invalid="ignore"):
        full = norms >= high * (1.0 - 1e-6)
    thrust = f"thrust (N), {low:g} to {high:g}"
    return Picture(
        path=path,
        astray=astray,
        window=window,
        rules=[((left, 0.0), (right, 0.0)), _side(left, top), _side(right, top)],
        target=(TOUCHDOWN_POSITION, TOUCHDOWN_POSITION),
        success=flight.success,
        heading=_heading(flight),
        axes=f"range (m): {left:.0f} to {right:.0f} across; altitude (m): {bottom:.0f} to {top:.0f} upwards; "
        f"dots: ground and glide slope",
        labels=[
            (WIDTH - 75, TOP + PLANE - MARGIN / 2, f"range (m) to {right:.0f}"),
            (75, TOP + MARGIN / 2, f"altitude (m) to {top:.0f}"),
        ],
        bars=Bars(2.0 * (norms - low) / (high - low) - 1.0, -1.0, full, thrust, thrust),
    )


def _heading(flight: Flight) -> str:
    last, time = flight.states[-1], float(flight.plan[-1])
    miss, speed = float(np.linalg.norm(last[:3])), float(np.linalg.norm(last[3:6]))
    flown = "" if np.isnan(time) else f" in {time:.1f} s"
    ending = "landed" if flight.success else "not landed"
    return f"fuel {flight.fuel:.2f} kg{flown}   {miss:.2f} m from the pad at {speed:.2f} m/s, {ending}"


def _path(states: Numbers) -> Numbers:
    """Range, the distance to the pad's vertical, and altitude.

    The glide slope is a bound of altitude by this distance, so a place is below it exactly if it is drawn there.
    """
    return np.stack([np.hypot(states[:, 0], states[:, 1]), states[:, 2]], axis=1)


def _window(path: Numbers) -> tuple[float, float, float, float]:
    """All of the path and the pad, with room around them."""
    low, high = np.minimum(path.min(axis=0), 0.0), np.maximum(path.max(axis=0), 0.0)
    room = _ROOM * np.maximum(high - low, _NEAREST)
    return float(low[0] - room[0]), float(high[0] + room[0]), float(low[1] - room[1]), float(high[1] + room[1])


def _side(edge: float, top: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """The glide slope from the pad to an edge of the window, or to its top."""
    across = min(abs(edge), top / VEHICLE.slope)
    return (0.0, 0.0), (float(np.copysign(across, edge)), across * VEHICLE.slope)
