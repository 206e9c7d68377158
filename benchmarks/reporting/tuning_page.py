"""The pages of tuning: which settings won, and every trial."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from baselines.line import SYSTEMS, plays
from benchmarks.protocol.rows import TuningRow
from benchmarks.protocol.suites import SUITES
from benchmarks.protocol.trials import trials
from benchmarks.reporting import tables


def content(rows: Sequence[TuningRow], systems: bool) -> list[dict[str, Any]]:
    """What the templates say, a part for each suite of puzzles or of systems, budget and seed."""
    out = []
    mine = [row for row in rows if plays((SYSTEMS,), SUITES[row.suite].env_id) == systems]
    ordered = sorted(mine, key=lambda row: (row.suite, row.steps, row.seed, row.algo, row.trial))
    for (name, steps, seed), group in groupby(ordered, key=lambda row: (row.suite, row.steps, row.seed)):
        found = trials(list(group))
        counts = {sum(other.row.algo == one.row.algo for other in found) for one in found}
        used, every = (
            tables.markdown_columns(tables.TUNING_COLUMNS, listed)
            for listed in ([one for one in found if one.used], found)
        )
        about = "states" if systems else "puzzles"
        part = {"suite": name, "steps": f"{steps:,}", "seed": seed, "n": found[0].row.n, "instances": about}
        out.append({**part, "trials": "/".join(map(str, sorted(counts))), "used": used, "every": every})
    return out
