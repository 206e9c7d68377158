"""One line a suite: UPI-TRM, the best of the other methods, and the reference lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from benchmarks.protocol.rows import ResultRow
from benchmarks.protocol.suites import SUITES
from benchmarks.reporting import tables
from benchmarks.reporting.summary import Summary, summarise

OURS = "upi_trm"
"""What the names of UPI-TRM's methods begin with."""


class Glance(NamedTuple):
    """A suite at the budget that most methods were compared at."""

    suite: str
    steps: int
    ours: Summary
    """The best of UPI-TRM's methods."""
    others: list[Summary]
    """The other trained methods, from best to worst."""
    references: dict[str, Summary]
    """Floors and ceilings by name, trained ones with this budget."""


def table(rows: Iterable[ResultRow], page: str) -> str:
    """The overview as a Markdown table; empty where UPI-TRM has no rows.

    Args:
        rows: published results.
        page: address of the page that has a section for each suite.
    """
    found = overview(rows)
    linked = {"suite": lambda one: f"[{one.suite}]({page}#{one.suite})", **COLUMNS}
    return tables.markdown_columns(linked, found) if found else ""


def overview(rows: Iterable[ResultRow]) -> list[Glance]:
    """The suites that UPI-TRM has rows of, in their order; of budgets with as many methods the largest."""
    lines = summarise(rows)
    found = (_glance(name, [line for line in lines if line.suite == name]) for name in SUITES)
    return [glance for glance in found if glance is not None]


def _glance(suite: str, lines: list[Summary]) -> Glance | None:
    contestants = [line for line in lines if not line.is_reference]
    budgets = {line.steps for line in contestants if line.algo.startswith(OURS)}
    if not budgets:
        return None
    steps = max(budgets, key=lambda steps: (sum(line.steps == steps for line in contestants), steps))
    here = [line for line in contestants if line.steps == steps]
    return Glance(
        suite,
        steps,
        ours=next(line for line in here if line.algo.startswith(OURS)),
        others=[line for line in here if not line.algo.startswith(OURS)],
        references={line.algo: line for line in lines if line.is_reference and line.steps in (0, steps)},
    )


def _named(line: Summary, plain: str = "") -> str:
    """What a method solves, with its name where that is not the plain one."""
    solved = tables.rate(line.success)
    return solved if line.algo == plain else f"{line.algo}: {solved}"


def _best_other(one: Glance) -> str:
    """The first of them; where it solves nothing, how many there are that do not."""
    if not one.others:
        return ""
    best = one.others[0]
    return _named(best) if best.success.mean else f"none of {len(one.others)}: {tables.percent(0)}"


def _reference(name: str, one: Glance) -> str:
    line = one.references.get(name)
    return "" if line is None else tables.percent(line.success.mean)


COLUMNS: dict[str, Callable[[Glance], str]] = {
    "env steps": lambda one: tables.count(one.steps),
    "UPI-TRM": lambda one: _named(one.ours, OURS),
    "best other method": _best_other,
    **{name: partial(_reference, name) for name in ("checker_greedy", "stage0", "singles")},
    "seeds": lambda one: str(one.ours.seeds),
    "n": lambda one: str(one.ours.n),
}
"""Columns of the table after the suite's: head -> what it says of one."""
