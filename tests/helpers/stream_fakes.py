"""What workers of a streaming evaluation call in place of a model."""

from __future__ import annotations

import numpy as np

from benchmarks.protocol.evaluation import Result


def score(options, grids) -> tuple[Result, int]:
    """A puzzle is solved where its first cell is filled; everything else is counted from its cells.

    Raises:
        ValueError: the last cell of one is what `options` forbid.
    """
    if (grids[:, -1] == options).any():
        raise ValueError(f"a puzzle ends in {options}")
    counts = grids.sum(axis=1).astype(np.int64)
    return Result(grids[:, 0] > 0, counts, 1.0 * counts, 1.0 * counts, counts, 2 * counts, 3 * counts), 16
