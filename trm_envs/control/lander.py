"""The vehicle of powered descent, its planet and its constraints: constants."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Vehicle(NamedTuple):
    """What the kernels must know of a vehicle and its planet."""

    gravity: float
    """In m/s^2, downwards."""
    exhaust: float
    """Effective speed of the exhaust in m/s."""
    thrust_low: float
    """Smallest norm of the thrust in N; the engine cannot be shut down."""
    thrust_high: float
    """Largest norm of the thrust in N."""
    time_low: float
    """Shortest flight in s."""
    time_high: float
    """Longest flight in s."""
    slope: float
    """Tangent of the glide slope: z >= slope * hypot(x, y)."""


VEHICLE = Vehicle(
    gravity=3.71,
    exhaust=200.7 * 9.81,
    thrust_low=4972.0,
    thrust_high=13260.0,
    time_low=15.0,
    time_high=100.0,
    slope=float(np.tan(np.radians(30.0))),
)
"""A Mars lander: thrust 4,972 to 13,260 N at an effective specific impulse of 200.7 s, flights of
15 to 100 s, and a glide slope of 30 degrees."""

HORIZON = 50
"""Steps N of a plan, all of the same length."""
DRY_MASS = 1505.0
"""Mass without fuel in kg."""
WET_MASS = 2300.0
"""The largest mass of an instance in kg."""
TOUCHDOWN_POSITION, TOUCHDOWN_VELOCITY = 1.0, 0.1
"""How far from the pad in m and how fast in m/s a touchdown may be."""
SLOPE_TOLERANCE, MASS_TOLERANCE, THRUST_TOLERANCE = 0.01, 1e-3, 1e-9
"""Tolerances of the glide slope in m, of the dry mass in kg, and of the norm of the thrust in its upper bound."""
