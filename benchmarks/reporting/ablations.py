"""Ablations: published runs of variants, which change one thing of a method, beside the method itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from benchmarks.protocol.names import named
from benchmarks.protocol.rows import ResultRow
from benchmarks.protocol.stats import Interval, Paired, paired_difference
from benchmarks.protocol.suites import SUITES
from benchmarks.reporting import tables
from benchmarks.reporting.summary import Summary, solved_by, summarise


class Ablation(NamedTuple):
    """A variant on a suite at a budget, and the method it changes: same puzzles, budget, solver and seeds."""

    variant: Summary
    reference: Summary
    paired: Paired
    """Variant minus reference."""


COLUMNS: dict[str, Callable[[Ablation], str]] = {
    "variant": lambda one: one.variant.algo,
    "success": lambda one: tables.percent(one.variant.success.mean),
    "difference": lambda one: tables.points(one.paired.over_puzzles.mean),
    "over seeds": lambda one: "" if one.paired.over_seeds is None else tables.span(one.paired.over_seeds),
    "over puzzles": lambda one: tables.span(one.paired.over_puzzles),
}
"""Columns of a table of variants of one reference: head -> what it says of one."""


def compared(runs: Mapping[str, Sequence[ResultRow]], others: Sequence[ResultRow]) -> list[Ablation]:
    """Every variant of the ablation runs, in the order of the suites.

    The reference of `ROW@SETTING=VALUE+attempts=8` is `ROW+attempts=8` of the same run, or of `others` where the run
    has none. Only those of its seeds count that the variant has.

    Args:
        runs: rows by the run's name.
        others: published rows outside of ablations.

    Raises:
        ValueError: there is no reference on the same suite at the same budget with all of the variant's seeds.
    """
    found = [
        _beside(name, line, rows, others) for name, rows in runs.items() for line in summarise(rows) if _varied(line)
    ]
    suites = list(SUITES)
    return sorted(found, key=lambda one: (suites.index(one.variant.suite), one.variant.steps))


def content(found: Sequence[Ablation]) -> list[dict[str, Any]]:
    """What the page of ablations says, a part for each reference."""
    out = []
    for line, group in groupby(sorted(found, key=_place), key=lambda one: one.reference):
        facts = {
            "suite": line.suite,
            "reference": line.algo,
            "steps": f"{line.steps:,}",
            "seeds": line.seeds,
            "n": line.n,
        }
        table = tables.markdown_columns(COLUMNS, list(group))
        out.append({**facts, "success": tables.rate(line.success), "table": table})
    return out


def _place(one: Ablation) -> tuple[int, int, str, Interval, float]:
    """Suites in their order, small budgets first, the largest gain first."""
    line = one.reference
    return list(SUITES).index(line.suite), line.steps, line.algo, line.success, -one.paired.over_puzzles.mean


def _varied(line: Summary) -> bool:
    return not line.is_reference and bool(named(line.algo).settings)


def _beside(name: str, line: Summary, rows: Sequence[ResultRow], others: Sequence[ResultRow]) -> Ablation:
    varied = solved_by(rows, line)
    references = _references(rows, line, varied) or _references(others, line, varied)
    missing = sorted(varied.keys() - {row.seed for row in references})
    if missing:
        raise ValueError(
            f"ablation {name!r}: no published {named(line.algo).unchanged} on {line.suite} at {line.steps} steps "
            f"with the seeds {missing} to compare it with; publish them, or run them with the ablation"
        )
    (reference,) = summarise(references)
    return Ablation(line, reference, paired_difference(varied, solved_by(references, reference)))


def _references(rows: Sequence[ResultRow], line: Summary, seeds: Collection[int]) -> list[ResultRow]:
    key = (line.suite, named(line.algo).unchanged, line.steps)
    return [row for row in rows if (row.suite, row.algo, row.steps) == key and row.seed in seeds]
