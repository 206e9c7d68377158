"""Bands of ratings: how hard a collection says that its puzzles are, in steps of 1, 2, 5, 10, 20, ..."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EDGES = (-np.inf, 0.0, np.nextafter(0.0, 1.0), *(step * 10.0**power for power in range(9) for step in (1, 2, 5)))
"""Lower edges of the bands; a band ends below the next one's. The second holds 0 alone."""
UNRATED = len(EDGES)
"""The band of puzzles without a number."""


def bands_of(ratings: NDArray[np.float64]) -> NDArray[np.int64]:
    """The band of each rating, shape (n,): an index of `EDGES`, or `UNRATED` where it is nan."""
    found: NDArray[np.int64] = np.searchsorted(EDGES, ratings, side="right") - 1
    return np.where(np.isnan(ratings), UNRATED, found)


def name_of(band: int) -> str:
    """`5 to 10`: from the first number to below the second."""
    if band == UNRATED:
        return "unrated"
    named = ("below 0", "0", "0 to 1")
    if band < len(named):
        return named[band]
    low = f"{EDGES[band]:,.0f}"
    return f"{low} to {EDGES[band + 1]:,.0f}" if band + 1 < len(EDGES) else f"{low} or more"
