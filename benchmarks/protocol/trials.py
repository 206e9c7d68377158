"""Trials of a tuning beside each other: which settings a method is run with, and what was tried."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from baselines.spaces import Settings
from benchmarks.protocol.rows import TuningRow


def best(rows: Sequence[TuningRow]) -> TuningRow:
    """The trial whose settings are used: most puzzles or states solved, then the highest score, then the earliest.

    Of trials that solve everything the earliest is used: nothing is left to tune, and their scores differ by chance.
    """
    return max(rows, key=lambda row: (row.solved, row.score if row.solved < row.n else 0.0, -row.trial))


class Trial(NamedTuple):
    """A trial beside the others of its method."""

    row: TuningRow
    changes: Settings
    """Settings in which it differs from trial 0."""
    used: bool
    """Whether its settings are the ones that the method is run with."""


def trials(rows: Sequence[TuningRow]) -> list[Trial]:
    """All trials, method by method, each method's in order; trial 0 of each must be among them."""
    found = []
    for _, group in groupby(sorted(rows, key=lambda row: row.key), key=lambda row: row.key[:-1]):
        mine = list(group)
        start, used = json.loads(mine[0].settings), best(mine)
        for row in mine:
            settings = json.loads(row.settings)
            changes = {setting: value for setting, value in settings.items() if value != start[setting]}
            found.append(Trial(row, changes, row == used))
    return found
