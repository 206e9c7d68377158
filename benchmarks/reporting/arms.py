"""Methods that differ in one thing, side by side: a part of a page for each suite and budget that compares them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from benchmarks.protocol.names import named
from benchmarks.protocol.rows import ResultRow
from benchmarks.protocol.suites import SUITES
from benchmarks.reporting import tables
from benchmarks.reporting.summary import Summary, summarise

SPENT = ("network calls", "inner steps", "checks")
"""Heads of the columns of what a puzzle costs at test time."""
COLUMNS = {column.head: column for column in tables.COLUMNS}


class _Arm(NamedTuple):
    policy: Summary
    solvers: Sequence[Summary]
    """The same models with attempts."""


def lines_of(rows: Sequence[ResultRow], methods: Mapping[str, Any]) -> list[Summary]:
    """The lines of these methods, with attempts or without, in the order of suites and budgets."""
    lines = [line for line in summarise(rows) if named(line.algo).method in methods and line.suite in SUITES]
    return sorted(lines, key=lambda line: (list(SUITES).index(line.suite), line.steps))


def content(
    rows: Sequence[ResultRow], names: Mapping[str, str], head: str, fewest: int, trained: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """What a template says, a part for each suite and budget.

    Args:
        rows: published rows.
        names: method -> what it is called in the first column.
        head: of that column.
        fewest: methods that a table has at least.
        trained: heads of further columns, of what training has cost.
    """
    out = []
    for (suite, steps), group in groupby(lines_of(rows, names), key=lambda line: (line.suite, line.steps)):
        arms = _arms(list(group))
        if len(arms) >= fewest:
            facts = {"suite": suite, "steps": f"{steps:,}", "n": arms[0].policy.n}
            out.append({**facts, "table": tables.markdown(*_table(arms, names, head, trained))})
    return out


def shown(rows: Sequence[ResultRow], methods: Mapping[str, Any], fewest: int) -> set[tuple[int, str]]:
    """Budget and name of each line of a suite that `content` shows, so that the page of the suite need not.

    Where a budget has other trained lines as well, the page of the suite keeps all but the variants.

    Args:
        rows: of one suite.
        methods: as in `lines_of`.
        fewest: methods that a table has at least.
    """
    found: set[tuple[int, str]] = set()
    for steps, group in groupby(lines_of(rows, methods), key=lambda line: line.steps):
        found_arms = _arms(list(group))
        if len(found_arms) >= fewest:
            lines = {line.algo for arm in found_arms for line in (arm.policy, *arm.solvers)}
            alone = lines == {row.algo for row in rows if row.steps == steps}
            found |= {(steps, algo) for algo in lines if alone or named(algo).settings}
    return found


def _arms(lines: Sequence[Summary]) -> list[_Arm]:
    """From best to worst policy, as `lines` are."""
    policies = [line for line in lines if named(line.algo).solver is None]
    return [_Arm(one, [line for line in lines if _attempts_of(one, line)]) for one in policies]


def _attempts_of(policy: Summary, line: Summary) -> bool:
    name = named(line.algo)
    return name.method == policy.algo and name.solver == "attempts"


def _table(
    arms: Sequence[_Arm], names: Mapping[str, str], head: str, trained: Sequence[str]
) -> tuple[list[str], list[list[str]]]:
    budgets = sorted({named(line.algo).budget for arm in arms for line in arm.solvers})
    heads = [head, "knows", "policy alone", *SPENT]
    for budget in budgets:
        heads += [f"{budget} attempts", *SPENT]
    cells = [[names[arm.policy.algo], *_row(arm, budgets), *cells_of(arm.policy, (*trained, "seeds"))] for arm in arms]
    return [*heads, *trained, "seeds"], cells


def _row(arm: _Arm, budgets: Sequence[int]) -> list[str]:
    by_budget = {named(line.algo).budget: _cells(line) for line in arm.solvers}
    empty = [""] * (1 + len(SPENT))
    attempts = [cell for budget in budgets for cell in by_budget.get(budget, empty)]
    return [arm.policy.knows, *_cells(arm.policy), *attempts]


def _cells(line: Summary) -> list[str]:
    """Success, and what it cost at test time."""
    return [tables.rate(line.success), *cells_of(line, SPENT)]


def cells_of(line: Summary, heads: Sequence[str]) -> list[str]:
    """Cells of a line under some heads of `tables.COLUMNS`."""
    return [COLUMNS[head].cell(line) for head in heads]
