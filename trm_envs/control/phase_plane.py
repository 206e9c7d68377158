"""How a plan of a system with two states looks: its path in the phase plane, and its controls below."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trm_envs.control import picture
from trm_envs.control.picture import MARGIN, PLANE, TOP, WIDTH, Bars, Numbers, Picture


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


def text(portrait: Portrait) -> str:
    """The phase plane in characters, and the controls, red where they are at the bound; see `picture.text`."""
    return picture.text(_picture(portrait))


def image(portrait: Portrait) -> NDArray[np.uint8]:
    """The phase plane and the controls as an RGB picture, shape (480, 480, 3).

    Raises:
        DependencyNotInstalled: Pillow is missing.
    """
    return picture.image(_picture(portrait))


def _picture(portrait: Portrait) -> Picture:
    wide, high = _reach(portrait)
    (across, up), path = portrait.state_units, _finite(portrait.states)
    unit, u_max = portrait.control_unit, portrait.u_max
    with np.errstate(invalid="ignore"):
        full = np.abs(portrait.controls) >= u_max
    return Picture(
        path=path,
        astray=np.zeros(len(path), np.bool_),
        window=(-wide, wide, -high, high),
        rules=[((-wide, 0.0), (wide, 0.0)), ((0.0, -high), (0.0, high))],
        target=(portrait.tolerance, portrait.tolerance),
        success=portrait.success,
        heading=_heading(portrait),
        axes=f"{across}: -{wide:.3g} to {wide:.3g} across; {up}: -{high:.3g} to {high:.3g} upwards",
        labels=[
            (WIDTH - 75, TOP + PLANE / 2 + 10, f"{across} to {wide:.2g}"),
            (WIDTH / 2 + 75, TOP + MARGIN / 2, f"{up} to {high:.2g}"),
        ],
        bars=Bars(portrait.controls / u_max, 0.0, full, f"{unit}, -{u_max:g} to {u_max:g}", f"{unit} within {u_max:g}"),
    )


def _heading(portrait: Portrait) -> str:
    # Adding 0 turns -0 into 0.
    last = ", ".join(f"{round(value, 3) + 0.0:.3f}" for value in portrait.states[-1].tolist())
    ending = "at the target" if portrait.success else "not at the target"
    return f"cost {portrait.cost:.4f}   last state ({last}), {ending}"


def _finite(states: Numbers) -> Numbers:
    """The path up to where it diverges; the first state is finite."""
    good = np.isfinite(states).all(axis=1)
    return states if good.all() else states[: max(1, int(good.argmin()))]


def _reach(portrait: Portrait) -> tuple[float, float]:
    """How far each axis goes to both sides: all of the path, and room for the target."""
    far = np.maximum(np.abs(_finite(portrait.states)).max(axis=0), 4.0 * portrait.tolerance) * 1.08
    return float(far[0]), float(far[1])
