"""The page of one suite: success, what it cost, learning curves, paired differences and commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.protocol.names import named
from benchmarks.protocol.rows import ControlRow, CurveRow, ResultRow
from benchmarks.protocol.study_rows import PlanningRow
from benchmarks.protocol.suites import suite
from benchmarks.reporting import arms, tables, targets_page, told_page
from benchmarks.reporting.control_tables import CONTROL_COLUMNS, by_edits, columns_of
from benchmarks.reporting.evidence import Evidence, digest
from benchmarks.reporting.parts import PARTS, parts
from benchmarks.reporting.study_tables import PLANNING_COLUMNS
from benchmarks.reporting.summary import ControlSummary, Summary, against, lasting, success_on, summarise
from benchmarks.reporting.tables import Column

FIGURES = "../images/results"
"""Folder of the figures, seen from a page of results."""
LONG = 2.0
"""How many times longer than its first maximum a learning curve has to be for the page to say how long that lasts."""
SUCCESS = (
    "method",
    "knows",
    "success",
    "95% interval",
    "exact match",
    "sampled",
    "network calls",
    "inner steps",
    "checks",
    "seeds",
    "n",
)
"""Heads of the columns of what is solved, and of what that cost at test time."""
CONTROL_SUCCESS = (
    "method",
    "knows",
    "within 1 %",
    "95% interval",
    "mean gap",
    "gap interval",
    "median gap",
    "p95 gap",
    "feasible",
    "at target",
    "violation",
    "seeds",
    "n",
)
"""The same of systems."""
CONTROL_TEST = ("method", "edits", "simulations", "network calls", "inner steps", "ms alone", "ms among 256")
"""Heads of the columns of what planning for a state costs."""
CONTROL_COST = (
    "method",
    "trained in",
    "env steps",
    "simulated steps",
    "model queries",
    "gradient steps",
    "parameters",
    "train time",
)
COST = ("method", "legal actions", "env steps", "model queries", "gradient steps", "parameters", "train time")
"""Heads of the columns of what a method may do and what its training cost."""
Draw = Callable[[], bytes]


class Study(NamedTuple):
    """What a page of its own compares."""

    topic: str
    methods: Mapping[str, Any]
    """Its arms by name."""
    fewest: int
    """Arms that a table has at least."""


STUDIES = {
    "targets": Study("what a network learns from", targets_page.TARGETS, targets_page.FEWEST),
    "told": Study("what a network knows", told_page.CORES, told_page.FEWEST),
}
"""By page; the page of a suite leaves out what these show."""


def content(name: str, evidence: Evidence, figures: dict[str, Draw]) -> dict[str, Any]:
    """What the template says of a suite.

    Args:
        name: the suite.
        evidence: all rows.
        figures: receives the figure, path seen from the page -> PNG.
    """
    mine = [row for row in evidence.results if row.suite == name]
    studied = {page: arms.shown(mine, study.methods, study.fewest) for page, study in STUDIES.items()}
    elsewhere = {line for lines in studied.values() for line in lines}
    mine = [row for row in mine if (row.steps, row.algo) not in elsewhere]
    curves = [point for point in evidence.curves if point.suite == name]
    points = [point for point in curves if (point.steps, point.algo) not in elsewhere]
    lines, masks = summarise(mine), parts(name, evidence.pools[name])
    # A run that was measured at its end only has no curve.
    own = without_variants(points)
    runs = {(point.algo, point.steps, point.seed) for point in own}
    drawn = f"{FIGURES}/{name}.png" if len(own) > len(runs) else ""
    if drawn:
        figures[drawn] = partial(_learning_curves, name, own, lines)
    controls = any(isinstance(line, ControlSummary) for line in lines)
    gaps = f"{FIGURES}/{name}-gaps.png" if by_edits(lines) else ""
    if gaps:
        figures[gaps] = partial(_gaps, name, lines)
    budgets = sorted({line.steps for line in lines if line.steps}) or [0]
    return {
        "suite": suite(name),
        "keywords": [f"{key}={value!r}" for key, value in suite(name).env_kwargs.items()],
        "n": len(evidence.pools[name]),
        "instances": "first states" if controls else "puzzles",
        "gaps": gaps,
        "rows_digest": digest(mine, ControlRow) if gaps else "",
        "parts": [(PARTS[part], int(mask.sum())) for part, mask in masks.items()],
        "figure": drawn,
        "digest": digest(points, CurveRow),
        "studies": [_study(page, lines) for page, lines in studied.items() if lines],
        "budgets": [_budget(steps, mine, points, lines, masks) for steps in budgets],
        "planning": _planning([row for row in evidence.planning if row.suite == name]),
        "scripts": _scripts(name, evidence.files),
    }


def _budget(
    steps: int,
    rows: Sequence[ResultRow],
    points: Sequence[CurveRow],
    lines: Sequence[Summary],
    masks: Mapping[str, NDArray[np.bool_]],
) -> dict[str, Any]:
    """The tables of one training budget with all references, and the paired differences."""
    here = [line for line in lines if line.steps in (0, steps)]
    columns = {column.head: column for column in columns_of(here)}
    controls = columns_of(here) is CONTROL_COLUMNS
    heads = (CONTROL_SUCCESS, CONTROL_COST, CONTROL_TEST) if controls else (SUCCESS, COST, ())
    success, cost, test = ([columns[head] for head in names if head in columns] for names in heads)
    place = 1 + SUCCESS.index("95% interval")
    shown = [(part, mask) for part, mask in masks.items() if mask.any() and not mask.all()]
    success[place:place] = [_part_column(rows, part, mask) for part, mask in shown]
    best = next((line.algo for line in here if not line.is_reference), None)
    # Rows that show what a learned value is worth are compared wherever they stand.
    compared = [line for line in here if line.algo == best or line.learns_values]
    paired = [found for line in compared for found in against(rows, here, line) if found[1].is_compared]
    curves = lasting(point for point in points if (point.algo, point.steps) == (best, steps))
    return {
        "steps": f"{steps:,}",
        "lasting": tables.lasting_line(best, curves) if best and curves and curves.times >= LONG else "",
        "success": tables.markdown_summaries(here, success),
        "by_edits": by_edits(here),
        "test": tables.markdown_summaries(here, test) if test else "",
        "cost": tables.markdown_summaries([line for line in here if line.steps and not named(line.algo).solver], cost),
        "paired": [tables.paired_line(*found, "states" if controls else "puzzles") for found in paired],
    }


def _study(page: str, lines: set[tuple[int, str]]) -> dict[str, Any]:
    """What another page shows of the suite."""
    budgets = sorted({steps for steps, _ in lines})
    return {"page": page, "topic": STUDIES[page].topic, "budgets": [f"{steps:,}" for steps in budgets]}


def _planning(rows: Sequence[PlanningRow]) -> str:
    """Processor times that were measured in one run; empty without any."""
    return tables.markdown_columns(PLANNING_COLUMNS, rows) if rows else ""


def _part_column(rows: Sequence[ResultRow], part: str, mask: NDArray[np.bool_]) -> Column:
    """Success on the test puzzles of one part."""

    def cell(line: Summary) -> str:
        return tables.percent(success_on(rows, line, mask).mean)

    return Column(part, f"The same on puzzles that are {PARTS[part]}.", cell)


def _scripts(suite_name: str, files: Mapping[str, Sequence[ResultRow]]) -> list[tuple[str, str]]:
    """Each published file with rows of the suite, and the commits and processors that these are from."""
    out = []
    for name, rows in files.items():
        if mine := [row for row in rows if row.suite == suite_name]:
            commits = ", ".join(sorted({row.commit[:7] for row in mine}))
            machines = ", ".join(sorted({f"{row.cpu}, {_threads(row.threads)}" for row in mine}))
            out.append((name, f"{commits}; {machines}"))
    return out


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def without_variants(points: Sequence[CurveRow]) -> Sequence[CurveRow]:
    """Curves of the rows themselves, if there are any: variants stand in the tables, their names fill a figure."""
    return [point for point in points if not named(point.algo).settings] or points


def _learning_curves(name: str, points: Sequence[CurveRow], lines: Sequence[Summary]) -> bytes:
    # matplotlib takes a second to import.
    from benchmarks.reporting import plots

    return plots.as_png(plots.learning_curves(name, points, lines))


def _gaps(name: str, lines: Sequence[Summary]) -> bytes:
    # matplotlib takes a second to import.
    from benchmarks.reporting import gap_plots, plots

    return plots.as_png(gap_plots.gaps_by_edits(name, [line for line in lines if isinstance(line, ControlSummary)]))
