"""Step sizes of the exact mixture among which a lower bound chooses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ALPHAS: Floats = np.concatenate([[0.0], np.geomspace(1e-3, 1.0, 31)])
"""Zero, and ten to a factor of ten."""


def safe(bounds: Sequence[float], alphas: Floats = ALPHAS) -> tuple[float, float]:
    """The step size with the largest bound, and that bound; zero and zero where no step has a positive one."""
    best = int(np.argmax(bounds))
    alpha = float(alphas[best])
    # No step changes nothing: its bound is zero, whatever rounding has made of it.
    return alpha, float(bounds[best]) if alpha else 0.0
