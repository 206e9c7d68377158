"""The page of what a network knows: HindsightTRM with each core, at equal steps and by the time of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from benchmarks.protocol.names import named
from benchmarks.protocol.rows import ResultRow
from benchmarks.reporting import arms, tables
from benchmarks.reporting.summary import Summary


class Core(NamedTuple):
    """A core, and what its network knows of a puzzle."""

    name: str
    known: str


_KIND = "hindsight_trm@policy_kwargs.core.kind"
_ALONE = "policy_kwargs.core.symmetries=false"
_MLP = "policy_kwargs.core.mixer=mlp"
CORES: Mapping[str, Core] = {
    "hindsight_trm": Core("exact cover", "the groups of cells, and that symbols are alike"),
    f"{_KIND}=discovered": Core("discovered", "that symbols are alike, and finds groups by asking the checker"),
    f"{_KIND}=cells": Core("cells", "the groups, and the symmetries by which training turns states"),
    f"{_KIND}=cells@{_ALONE}": Core("cells, not turned", "the groups"),
    "hindsight_trm-attention": Core("attention", "the grid, and the symmetries by which training turns states"),
    f"hindsight_trm-attention@{_ALONE}": Core("attention, not turned", "the grid"),
    f"hindsight_trm-attention@{_MLP}": Core(
        "map over cells", "the number of cells, and the symmetries by which training turns states"
    ),
    f"hindsight_trm-attention@{_MLP}@{_ALONE}": Core("map over cells, not turned", "the number of cells"),
}
"""Method -> its core."""
FEWEST = 3
"""Cores that a table has at least."""
TRAINED = ("model queries", "gradient steps", "parameters", "train time")
"""Heads of the columns of what training has cost."""


def content(rows: Sequence[ResultRow]) -> list[dict[str, Any]]:
    """What the template says, a part for each suite and budget that compares cores."""
    return arms.content(rows, _names(), "core", FEWEST, TRAINED)


def by_time(rows: Sequence[ResultRow]) -> list[dict[str, Any]]:
    """What the template says of each suite with `FEWEST` cores: all budgets of a core, from short trainings to long."""
    policies = [line for line in arms.lines_of(rows, CORES) if named(line.algo).solver is None]
    out = []
    for suite, group in groupby(policies, key=lambda line: line.suite):
        lines = sorted(group, key=lambda line: line.wall_s)
        if len({line.algo for line in lines}) >= FEWEST:
            heads = ["core", "env steps", *TRAINED, "policy alone", "seeds"]
            out.append({"suite": suite, "table": tables.markdown(heads, [_timed(line) for line in lines])})
    return out


def _names() -> dict[str, str]:
    return {method: core.name for method, core in CORES.items()}


def _timed(line: Summary) -> list[str]:
    trained = arms.cells_of(line, ("env steps", *TRAINED))
    return [_names()[line.algo], *trained, tables.rate(line.success), str(line.seeds)]
