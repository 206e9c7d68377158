"""The page of results: everything that was published, from its rows."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.protocol import records
from benchmarks.protocol.provenance import ROOT
from benchmarks.protocol.published import PUBLISHED, ablations, published
from benchmarks.protocol.rows import UNIFORM, ComputeRow, CurveRow, ResultRow, TuningRow
from benchmarks.protocol.stats import LEVEL
from benchmarks.protocol.suites import SUITES, suite
from benchmarks.protocol.trials import trials
from benchmarks.reporting import overview, tables
from benchmarks.reporting.ablations import compared
from benchmarks.reporting.parts import PARTS, parts, shipped_pool
from benchmarks.reporting.rendering import environment
from benchmarks.reporting.summary import Summary, against, lasting, success_on, summarise
from benchmarks.reporting.tables import COLUMNS, Column
from benchmarks.reporting.targets import TARGETS, Target, Verdict, greedy, judge, searched
from trm_envs.plan_edit.task import Grids

TRIED = ROOT / "docs" / "tried.md"
REMARKS = ROOT / "docs" / "remarks.md"
FIGURES = "images/results"
"""Folder of the figures, seen from the page."""
LONG = 2.0
"""How far beyond its highest point a learning curve has to go for the page to say what becomes of it."""
AGAINST = ("checker_greedy", "stage0")
"""Reference lines that the best contestant is compared with."""
LEARNED_VALUE = ("upi_trm-exact", "upi_trm-k_step")
"""Methods that are compared with them wherever they stand: those that say what a learned value is worth."""
SUCCESS = ("method", "success", "95% interval", "sampled", "seeds", "n")
"""Heads of the columns of what is solved."""
COST = ("method", "legal actions", "env steps", "model queries", "gradient steps", "parameters", "train time")
"""Heads of the columns of what a method may do and what its training has cost."""


class Page(NamedTuple):
    """The page and what draws its figures."""

    text: str
    figures: dict[str, Callable[[], bytes]]
    """Path, seen from the page -> PNG; drawn when called."""


class Rows(NamedTuple):
    """Everything published, and the pools that it was scored on."""

    results: list[ResultRow]
    curves: list[CurveRow]
    compute: list[ComputeRow]
    ablations: dict[str, list[ResultRow]]
    pools: dict[str, Grids]
    """Test instances by suite, for suites with rows."""


def page(
    folder: Path = PUBLISHED, tried: Path = TRIED, remarks: Path = REMARKS, targets: Sequence[Target] = TARGETS
) -> Page:
    """The page of a folder of published rows.

    Args:
        folder: published rows.
        tried: Markdown that is taken over word for word.
        remarks: Markdown of which the section `## SUITE` is taken over into that of the suite.
        targets: what the rows are held against.

    Raises:
        ValueError: rows were scored on other pools than the shipped ones, an ablation has no reference, or remarks are
            on no suite.
    """
    rows, said = _read(folder), _remarks(remarks.read_text(encoding="utf-8"))
    figures: dict[str, Callable[[], bytes]] = {}
    text = (
        environment()
        .get_template("results.md")
        .render(
            level=f"{100 * LEVEL:g} %",
            overview=overview.table(rows.results, page=""),
            suites=[
                {**_suite(name, rows, figures), "remarks": said.get(name, "")}
                for name in SUITES
                if any(row.suite == name for row in rows.results)
            ],
            searches=_searches(rows.compute, figures),
            ablations=tables.markdown_columns(tables.ABLATION_COLUMNS, found)
            if (found := compared(rows.ablations, rows.results))
            else "",
            tuning=_tuning(published(TuningRow, folder)),
            targets=tables.markdown_columns(tables.TARGET_COLUMNS, [_verdict(target, rows) for target in targets]),
            tried=tried.read_text(encoding="utf-8").strip(),
        )
    )
    return Page(text.rstrip() + "\n", figures)


def _read(folder: Path) -> Rows:
    results, compute = published(ResultRow, folder), published(ComputeRow, folder)
    varied = ablations(folder)
    scored: list[ResultRow | ComputeRow] = [*results, *compute, *(row for rows in varied.values() for row in rows)]
    pools = {
        name: shipped_pool(name, (row for row in scored if row.suite == name))
        for name in dict.fromkeys(row.suite for row in scored)
    }
    return Rows(results, published(CurveRow, folder), compute, varied, pools)


def _remarks(text: str) -> dict[str, str]:
    """Suite -> what is said of it."""
    _, *parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    found = {name: said.strip() for name, said in zip(parts[::2], parts[1::2], strict=True)}
    for name in found:
        suite(name)
    return found


def _suite(name: str, rows: Rows, figures: dict[str, Callable[[], bytes]]) -> dict[str, Any]:
    """What the template says of one suite."""
    mine = [row for row in rows.results if row.suite == name]
    points = [point for point in rows.curves if point.suite == name]
    lines, masks = summarise(mine), parts(name, rows.pools[name])
    # What was measured at its end alone has no curve.
    cells = {(point.algo, point.steps, point.seed) for point in points}
    drawn = f"{FIGURES}/{name}.png" if len(points) > len(cells) else ""
    if drawn:
        figures[drawn] = partial(_learning_curves, name, points, lines)
    budgets = sorted({line.steps for line in lines if line.steps}) or [0]
    return {
        "suite": suite(name),
        "keywords": [f"{key}={value!r}" for key, value in suite(name).env_kwargs.items()],
        "n": len(rows.pools[name]),
        "parts": [(PARTS[part], int(mask.sum())) for part, mask in masks.items()],
        "figure": drawn,
        "digest": _digest(points, CurveRow),
        "budgets": [_budget(steps, mine, points, lines, masks) for steps in budgets],
        "origins": sorted({(row.command, row.commit[:7], row.cpu, row.threads) for row in mine}),
    }


def _budget(
    steps: int,
    rows: Sequence[ResultRow],
    points: Sequence[CurveRow],
    lines: Sequence[Summary],
    masks: Mapping[str, NDArray[np.bool_]],
) -> dict[str, Any]:
    """The tables of one training budget, reference lines included, and the best contestant's differences."""
    here = [line for line in lines if line.steps in (0, steps)]
    success, cost = ([column for column in COLUMNS if column.head in heads] for heads in (SUCCESS, COST))
    for place, (part, mask) in enumerate(masks.items(), start=3):
        if mask.any() and not mask.all():
            success.insert(place, _part_column(rows, part, mask))
    best = next((line.algo for line in here if not line.is_reference), None)
    asked = [line for line in here if line.algo in (best, *LEARNED_VALUE)]
    paired = [found for line in asked for found in against(rows, here, line) if found[1].algo in AGAINST]
    curves = lasting(point for point in points if (point.algo, point.steps) == (best, steps))
    return {
        "steps": f"{steps:,}",
        "lasting": tables.lasting_line(best, curves) if best and curves and curves.times >= LONG else "",
        "success": tables.markdown_summaries(here, success),
        "cost": tables.markdown_summaries([line for line in here if line.steps], cost),
        "paired": [tables.paired_line(*found) for found in paired],
    }


def _part_column(rows: Sequence[ResultRow], part: str, mask: NDArray[np.bool_]) -> Column:
    """Success on the test puzzles of one part."""

    def cell(line: Summary) -> str:
        return tables.rate(success_on(rows, line, mask))

    return Column(part, f"The same on puzzles that are {PARTS[part]}.", cell)


def _searches(rows: Sequence[ComputeRow], figures: dict[str, Callable[[], bytes]]) -> list[dict[str, Any]]:
    """What the template says of success against network calls, a part for each suite and set of puzzles."""
    order = list(SUITES)

    def place(row: ComputeRow) -> tuple[int, int, bool, str, int, int]:
        # The search without a network comes last.
        return order.index(row.suite), -row.n, row.guide == UNIFORM, row.guide, row.unroll or 0, row.budget

    out = []
    for (name, n), group in groupby(sorted(rows, key=place), key=lambda row: (row.suite, row.n)):
        mine = list(group)
        path = f"{FIGURES}/{name}-search-{n}.png"
        figures[path] = partial(_compute_curves, mine)
        content = {"suite": name, "n": n, "figure": path, "digest": _digest(mine, ComputeRow)}
        out.append({**content, "table": tables.markdown_columns(tables.COMPUTE_COLUMNS, mine)})
    return out


def _tuning(rows: Sequence[TuningRow]) -> list[dict[str, Any]]:
    """What the template says of tuning: a part for each suite, budget and seed."""
    out = []
    for (name, steps, seed), group in groupby(
        sorted(rows, key=lambda row: (row.suite, row.steps, row.seed, row.algo, row.trial)),
        key=lambda row: (row.suite, row.steps, row.seed),
    ):
        found = trials(list(group))
        content = {"suite": name, "steps": f"{steps:,}", "seed": seed, "n": found[0].row.n}
        counts = {sum(other.row.algo == one.row.algo for other in found) for one in found}
        used, every = (
            tables.markdown_columns(tables.TUNING_COLUMNS, listed)
            for listed in ([one for one in found if one.used], found)
        )
        out.append({**content, "trials": "/".join(map(str, sorted(counts))), "used": used, "every": every})
    return out


def _verdict(target: Target, rows: Rows) -> Verdict:
    if target.suite not in rows.pools:
        return judge(target, [])
    instances = rows.pools[target.suite]
    if target.calls:
        return judge(target, searched(target, rows.compute, _zoo_steps() if rows.compute else {}, len(instances)))
    return judge(target, greedy(target, rows.results, parts(target.suite, instances)))


def _zoo_steps() -> dict[str, int]:
    """File name -> environment steps of training, of every agent of the zoo."""
    # Loads torch, which the rest of the page does not need.
    from trm_agents import zoo

    return {zoo.path(name).name: zoo.card(name).env_steps for name in zoo.names()}


def _digest(found: Sequence[Any], kind: type[Any]) -> str:
    """What a figure was drawn from: a changed row changes the page, so that its figures are drawn anew."""
    return hashlib.sha256(records.to_csv(found, kind).encode()).hexdigest()[:16]


def _learning_curves(name: str, points: Sequence[CurveRow], lines: Sequence[Summary]) -> bytes:
    # Figures take a second to import.
    from benchmarks.reporting import plots

    return plots.as_png(plots.learning_curves(name, points, lines))


def _compute_curves(rows: Sequence[ComputeRow]) -> bytes:
    from benchmarks.reporting import plots

    return plots.as_png(plots.compute_curves(rows))
