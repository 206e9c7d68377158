"""Suites at a glance: our policy alone and with starts, our policy inside a solver, and the best other method."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from benchmarks.protocol.names import OF_POLICIES, named
from benchmarks.protocol.rows import ResultRow
from benchmarks.protocol.suites import SUITES
from benchmarks.reporting import tables
from benchmarks.reporting.control_tables import CONTROL_COLUMNS
from benchmarks.reporting.summary import ControlSummary, Summary, summarise

HEADLINES = ("sudoku-4x4-hard", "sudoku-4x4-minimal", "sudoku-9x9", "sudoku-9x9-hard", "maze-9x9", "light-up-7x7")
"""Suites of the README."""
HEADS = ("success", "network calls", "inner steps", "checks", "seeds", "n")
"""Heads of the columns that describe a line, see `tables.COLUMNS`."""
FEW_HEADS = HEADS[:4]
"""Those of a short table: seeds and puzzles are the same for most lines, and stand on the suites' pages."""


CONTROL_HEADS = ("within 1 %", "mean gap", "gap interval", "p95 gap", "at target", "edits", "ms alone", "seeds")
"""Heads of the columns that describe a line of a system, see `control_tables.CONTROL_COLUMNS`."""


class Glance(NamedTuple):
    """A suite at the budget that most methods were compared at."""

    suite: str
    steps: int
    policy: Summary | None
    """The best of our methods, its policy alone."""
    started: Summary | None
    """The same with starts, the best number of them."""
    solver: Summary | None
    """The best solver with the same method's model."""
    others: list[Summary]
    """The other trained policies, from best to worst."""


def table(rows: Iterable[ResultRow], page: str, suites: Collection[str] = SUITES, heads: Sequence[str] = HEADS) -> str:
    """The overview as a Markdown table; empty where our methods have no rows.

    Args:
        rows: published results.
        page: folder of the suites' pages, seen from the page that shows the table.
        suites: those to show.
        heads: of the columns that describe a line.
    """
    lines = [line for line in summarise(rows) if not isinstance(line, ControlSummary)]
    found = [glance(name, [line for line in lines if line.suite == name]) for name in suites]
    shown = [row for one in found if one is not None for row in _lines(one, page, heads)]
    return tables.markdown([*_heads(heads), "best other method"], shown) if shown else ""


def systems(rows: Iterable[ResultRow], page: str) -> str:
    """Systems to control at a glance: our best method, the best other one and the lines; empty without rows.

    Suites that only score models of another one are left to their pages.

    Args:
        rows: published results.
        page: folder of the suites' pages, seen from the page that shows the table.
    """
    lines = [line for line in summarise(rows) if isinstance(line, ControlSummary)]
    columns = {column.head: column for column in CONTROL_COLUMNS}
    shown = []
    for suite in dict.fromkeys(line.suite for line in lines if SUITES[line.suite].trained_on is None):
        here = [line for line in lines if line.suite == suite]
        found = glance(suite, list(here))
        policies = [] if found is None else [found.policy, *found.others[:1]]
        chosen = [line for line in (*policies, *here) if line is not None and (line in policies or line.is_compared)]
        for line in dict.fromkeys(chosen):
            shown.append([f"[{suite}]({page}{suite}.md)", tables.count(line.steps), line.algo])
            shown[-1] += [columns[head].cell(line) for head in CONTROL_HEADS]
    return tables.markdown(["suite", "env steps", "method", *CONTROL_HEADS], shown) if shown else ""


def of_method(rows: Iterable[ResultRow], method: str, page: str) -> str:
    """Every line of a method's row, its solver lines included and variants left out; empty where there is none."""
    lines = [line for line in summarise(rows) if named(line.algo).method == method]
    ordered = sorted(lines, key=lambda line: (list(SUITES).index(line.suite), line.steps, named(line.algo).budget))
    shown = [
        [f"[{line.suite}]({page}{line.suite}.md)", tables.count(line.steps), *_cells(line, HEADS)] for line in ordered
    ]
    return tables.markdown(_heads(HEADS), shown) if shown else ""


def glance(suite: str, lines: list[Summary]) -> Glance | None:
    """A suite's overview without variants; None where our methods have no rows.

    Of budgets with as many methods it takes the largest.
    """
    contestants = [line for line in lines if not (line.is_reference or named(line.algo).settings)]
    budgets = {line.steps for line in contestants if line.ours}
    if not budgets:
        return None
    steps = max(budgets, key=lambda steps: (sum(line.steps == steps for line in contestants), steps))
    here = [line for line in contestants if line.steps == steps]
    best = next(line for line in here if line.ours)
    trained = [line for line in here if named(line.algo).method == named(best.algo).method]
    others = [line for line in here if not line.ours and not named(line.algo).solver]
    return Glance(
        suite,
        steps,
        policy=next((line for line in trained if not named(line.algo).solver), None),
        started=next((line for line in trained if named(line.algo).solver == "starts"), None),
        solver=next((line for line in trained if named(line.algo).solver not in (None, *OF_POLICIES)), None),
        others=others,
    )


def _heads(heads: Sequence[str]) -> list[str]:
    return ["suite", "env steps", "method", *heads]


def _lines(one: Glance, page: str, heads: Sequence[str]) -> list[list[str]]:
    """One row a line; what is true of the whole suite stands in the first only."""
    shared = [f"[{one.suite}]({page}{one.suite}.md)", tables.count(one.steps)]
    rows = [_cells(line, heads) for line in (one.policy, one.started, one.solver) if line is not None]
    known = one.started or one.solver
    if one.policy is None and known is not None:
        rows.insert(0, [named(known.algo).method, "not measured", *[""] * (len(heads) - 1)])
    ends = [_best_other(one), *[""] * (len(rows) - 1)]
    return [[*(["", ""] if i else shared), *cells, end] for i, (cells, end) in enumerate(zip(rows, ends, strict=True))]


def _cells(line: Summary, heads: Sequence[str]) -> list[str]:
    """Name of a line, and what the columns say of it."""
    by_head = {column.head: column for column in tables.COLUMNS}
    said = [tables.rate(line.success) if head == "success" else by_head[head].cell(line) for head in heads]
    return [line.algo, *said]


def _best_other(one: Glance) -> str:
    """The best of them; where none solves anything, how many were run."""
    if not one.others:
        return "none run"
    best = one.others[0]
    return f"{best.algo}: {tables.rate(best.success)}" if best.success.mean else f"none of {len(one.others)}: 0.0 %"
