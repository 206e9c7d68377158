"""What a streaming evaluation calls in place of a model, in its workers too."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np

from trm_agents.streaming import Score, Scored, Valid
from trm_envs.reading import Batch


def counted(grids) -> Scored:
    """A puzzle is solved where its first cell is filled; everything else is counted from its cells."""
    counts = grids.sum(axis=1).astype(np.int64)
    return Scored(grids[:, 0] > 0, counts, counts, 2 * counts, 3 * counts)


def scorer(forbidden: int) -> Score:
    """Leaves out a puzzle whose last cell is what is forbidden."""

    def score(batch: Batch) -> tuple[Scored, Valid]:
        bad = np.flatnonzero(batch.grids[:, -1] == forbidden).tolist()
        valid = Valid([f"{batch.place(index)}: it ends in {forbidden}" for index in bad], bad)
        return counted(np.delete(batch.grids, bad, axis=0)), valid

    return score


def refusing(forbidden: int) -> Score:
    """Refuses a puzzle whose last cell is what is forbidden."""

    def score(batch: Batch) -> tuple[Scored, Valid]:
        scored, valid = scorer(forbidden)(batch)
        if valid.skipped:
            raise ValueError(valid.skipped[0])
        return scored, valid

    return score


def killed(rows: Path) -> Score:
    """Ends its process without a word once there are two rows; waits for others to write them."""

    def score(batch: Batch) -> tuple[Scored, Valid]:
        if rows.exists() and rows.read_bytes().count(b"\n") >= 2:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.01)
        return scorer(9)(batch)

    return score
