"""The pages of tuning: which settings won, and every trial."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from baselines.line import SYSTEMS, plays
from baselines.method import WALKS
from benchmarks.protocol.rows import TuningRow
from benchmarks.protocol.suites import SUITES
from benchmarks.protocol.trials import trials
from benchmarks.reporting import tables

PAGES = {"tuning": "puzzles", "tuning-systems": "states", "tuning-walks": "mazes"}
"""Page -> what the instances of its suites are called."""


def content(rows: Sequence[TuningRow], about: str) -> list[dict[str, Any]]:
    """What the template of a page says, a part for each suite, budget and seed.

    Args:
        rows: all trials.
        about: what instances are called on the page, of `PAGES`.
    """
    out = []
    mine = [row for row in rows if _about(SUITES[row.suite].env_id) == about]
    ordered = sorted(mine, key=lambda row: (row.suite, row.steps, row.seed, row.algo, row.trial))
    for (name, steps, seed), group in groupby(ordered, key=lambda row: (row.suite, row.steps, row.seed)):
        found = trials(list(group))
        counts = {sum(other.row.algo == one.row.algo for other in found) for one in found}
        used, every = (
            tables.markdown_columns(tables.TUNING_COLUMNS, listed)
            for listed in ([one for one in found if one.used], found)
        )
        part = {"suite": name, "steps": f"{steps:,}", "seed": seed, "n": found[0].row.n, "instances": about}
        out.append({**part, "trials": "/".join(map(str, sorted(counts))), "used": used, "every": every})
    return out


def _about(env_id: str) -> str:
    if plays(WALKS, env_id):
        return "mazes"
    return "states" if plays((SYSTEMS,), env_id) else "puzzles"
