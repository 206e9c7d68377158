"""Inequalities checked one by one, with one tolerance."""

from __future__ import annotations

from math import isfinite
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

ROUNDINGS = 4096
"""Units of float64 rounding, 2^-52 each, of the largest number involved, by which a side may miss: a few thousand
additions and products lie between an input and a bound. Fixed before the first run, and the same for every bound."""


class Violation(NamedTuple):
    """A bound that did not hold."""

    name: str
    actual: float
    bound: float
    tolerance: float


class Ledger:
    """Counts the checks of one instance.

    Args:
        scale: the largest number that the quantities are computed from; 1 at least.
    """

    def __init__(self, scale: float) -> None:
        self.scale = max(1.0, scale)
        self.checks = 0
        self.violations: list[Violation] = []

    def tolerance(self, bound: float) -> float:
        """What a bound of this size may be missed by."""
        return ROUNDINGS * float(np.finfo(np.float64).eps) * max(self.scale, abs(bound) if isfinite(bound) else 0.0)

    def at_most(self, name: str, actual: ArrayLike, bound: ArrayLike) -> None:
        """Check actual <= bound, elementwise; the worst element is reported. A bound of inf holds of itself."""
        above, below = np.broadcast_arrays(np.asarray(actual, np.float64), np.asarray(bound, np.float64))
        worst = int(np.argmax(above - below))
        left, right = float(above.flat[worst]), float(below.flat[worst])
        self.checks += 1
        # Written so that nan is a violation.
        if not left - right <= self.tolerance(right):
            self.violations.append(Violation(name, left, right, self.tolerance(right)))

    def equal(self, name: str, actual: ArrayLike, expected: ArrayLike) -> None:
        """Check an identity."""
        self.at_most(name, np.abs(np.asarray(actual) - np.asarray(expected)), 0.0)
