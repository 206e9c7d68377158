"""Suites at a glance: our policy alone, our policy inside a solver, and the best of the other methods."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from benchmarks.protocol.rows import ResultRow
from benchmarks.protocol.suites import SUITES
from benchmarks.reporting import tables
from benchmarks.reporting.summary import Summary, summarise

OURS = ("hindsight_trm", "upi_trm")
"""What the names of our methods begin with."""
HEADLINES = ("sudoku-4x4-hard", "sudoku-4x4-minimal", "sudoku-9x9", "sudoku-9x9-hard", "maze-9x9")
"""Suites of the README."""
HEADS = ("success", "network calls", "inner steps", "checks", "seeds", "n")
"""Heads of the columns that describe a line, as in `tables.COLUMNS`; those that exist are shown."""


class Glance(NamedTuple):
    """A suite at the budget that most methods were compared at."""

    suite: str
    steps: int
    ours: list[Summary]
    """The best of our policies, then the best of our solvers; whichever has rows."""
    others: list[Summary]
    """The other trained policies, from best to worst."""


def is_solver(algo: str) -> bool:
    """Whether the line spends test-time compute beyond one network pass an edit (`ROW+attempts=127`)."""
    return "+" in algo


def table(rows: Iterable[ResultRow], page: str, suites: Collection[str] = SUITES) -> str:
    """The overview as a Markdown table; empty where our methods have no rows.

    Args:
        rows: published results.
        page: folder of the suites' pages, seen from the page that shows the table.
        suites: those to show.
    """
    lines = summarise(rows)
    found = [glance(name, [line for line in lines if line.suite == name]) for name in suites]
    shown = [_line(one, line, page) for one in found if one is not None for line in one.ours]
    return tables.markdown(_heads(), shown) if shown else ""


def of_method(rows: Iterable[ResultRow], method: str, page: str) -> str:
    """Every line of a method's row, its solver lines included and variants left out; empty where there is none."""
    lines = [line for line in summarise(rows) if line.algo.partition("+")[0] == method]
    ordered = sorted(lines, key=lambda line: (list(SUITES).index(line.suite), line.steps, is_solver(line.algo)))
    shown = [_line(Glance(line.suite, line.steps, [line], []), line, page)[:-1] for line in ordered]
    return tables.markdown(_heads()[:-1], shown) if shown else ""


def glance(suite: str, lines: list[Summary]) -> Glance | None:
    """A suite's overview; None where our methods have no rows. Of budgets with as many methods it takes the largest."""
    contestants = [line for line in lines if not line.is_reference]
    budgets = {line.steps for line in contestants if line.algo.startswith(OURS)}
    if not budgets:
        return None
    steps = max(budgets, key=lambda steps: (sum(line.steps == steps for line in contestants), steps))
    here = [line for line in contestants if line.steps == steps]
    ours = [line for line in here if line.algo.startswith(OURS)]
    policies = [line for line in ours if not is_solver(line.algo)]
    solvers = [line for line in ours if is_solver(line.algo)]
    others = [line for line in here if not line.algo.startswith(OURS) and not is_solver(line.algo)]
    return Glance(suite, steps, [*policies[:1], *solvers[:1]], others)


def _columns() -> list[tables.Column]:
    return [column for column in tables.COLUMNS if column.head in HEADS]


def _heads() -> list[str]:
    return ["suite", "env steps", "method", *(column.head for column in _columns()), "best other method"]


def _line(one: Glance, line: Summary, page: str) -> list[str]:
    """One row; what is true of the whole suite stands in its first row only."""
    first = line is one.ours[0]
    cells = [tables.rate(line.success) if column.head == "success" else column.cell(line) for column in _columns()]
    suite = [f"[{one.suite}]({page}{one.suite}.md)", tables.count(one.steps)] if first else ["", ""]
    return [*suite, line.algo, *cells, _best_other(one) if first else ""]


def _best_other(one: Glance) -> str:
    """The best of them; where none solves anything, how many were run."""
    if not one.others:
        return "none run"
    best = one.others[0]
    return f"{best.algo}: {tables.rate(best.success)}" if best.success.mean else f"none of {len(one.others)}: 0.0 %"
