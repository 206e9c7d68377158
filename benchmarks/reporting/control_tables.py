"""Columns and tables of systems: how far above the reference optimum plans are, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.protocol.stats import Interval
from benchmarks.reporting.summary import ControlSummary, Summary
from benchmarks.reporting.tables import COLUMNS, SHORTEST_COLUMNS, TERMINAL, Column, count, counted, markdown, percent

SMALLEST = 5e-6
"""Smaller gaps are the solver's tolerance and rounding."""
NOTHING = "none"
"""What stands for a gap that is no number."""


def share(value: float | None) -> str:
    """`0.0841 %`: three digits of a gap; `none` where a plan is infeasible."""
    if value is None:
        return NOTHING
    if abs(value) < SMALLEST:
        return "0.000 %"
    return f"{100 * value:#.3g} %" if abs(value) < 1.0 else f"{100 * value:,.0f} %"


def _ends(interval: Interval | None) -> str:
    """`[0.071, 0.097]`, in percent; empty for a single seed."""
    return "" if interval is None else f"[{100 * interval.lo:.3g}, {100 * interval.hi:.3g}]"


def _of(line: Summary) -> ControlSummary:
    assert isinstance(line, ControlSummary)
    return line


def _plain(head: str) -> Column:
    """A column of puzzles that says the same of first states."""
    return next(column for column in COLUMNS if column.head == head)


CONTROL_COLUMNS = (
    _plain("method"),
    Column(
        "within 1 %",
        "First states whose plan keeps all hard constraints and costs at most 1 % more than the reference optimum J*: "
        "the best plan of one greedy episode, judged by the checker. Mean over training seeds. No state is left out.",
        lambda s: percent(s.success.mean),
    ),
    _plain("95% interval"),
    Column(
        "mean gap",
        "Mean of J / J* - 1 over states, mean over seeds; none where a plan is infeasible.",
        lambda s: share(_of(s).gap_mean),
    ),
    Column(
        "gap interval", "Student t interval of that mean over seeds, in percent.", lambda s: _ends(_of(s).gap_interval)
    ),
    Column(
        "median gap", "Median over states; an infeasible plan counts as infinite.", lambda s: share(_of(s).gap_median)
    ),
    Column("p95 gap", "95 % quantile over states, counted in the same way.", lambda s: share(_of(s).gap_p95)),
    Column("feasible", "States whose plan keeps all hard constraints.", lambda s: percent(_of(s).feasible)),
    Column("at target", "States whose plan also ends at the target.", lambda s: percent(_of(s).reached)),
    Column(
        "violation",
        "The worst violation of any state and seed, in tolerances of its constraint.",
        lambda s: f"{_of(s).violation:.3g}",
    ),
    Column("seeds", "Training seeds; reference lines have no chance in them.", lambda s: str(s.seeds)),
    Column("n", "Test states that each seed was scored on.", lambda s: str(s.n)),
    Column(
        "knows",
        "What the method is given beside observations and rewards: the model (transitions of any state), the checker "
        "(costs of any plan), the dynamics (equations and cost), or the optimum itself. The gradient is that of the "
        "cost through the simulator, in training alone. A gradient in play is read at test time too: that of the cost "
        "at the plan that stands, or derivatives of the dynamics there.",
        lambda s: s.knows,
    ),
    Column("edits", "Edits of a plan; 0 where plans are not edited.", lambda s: f"{s.edits:.0f}"),
    Column(
        "simulations",
        "Plans that the simulator has played for a state; empty where nobody counted.",
        lambda s: counted(_of(s).simulations),
    ),
    Column("network calls", "Network passes for a state.", lambda s: counted(s.network_calls)),
    Column("inner steps", "Steps of a recursive core for a state.", lambda s: counted(s.inner_steps)),
    Column(
        "ms alone",
        "Processor time of planning for one state, all edits together, on one thread.",
        lambda s: f"{_of(s).ms_1:.3g}",
    ),
    Column(
        "ms among 256", "The same of a state among 256 that are planned for at once.", lambda s: f"{_of(s).ms_256:.3g}"
    ),
    Column("trained in", "Environment that the method was trained in.", lambda s: _of(s).trained_env),
    Column(
        "env steps",
        "Calls of env.step to train: an edit of a plan, or one control of a step-wise environment.",
        lambda s: count(s.env_steps),
    ),
    Column(
        "simulated steps",
        "Control steps that training has simulated; an edit of a plan counts as all steps of the plan, once.",
        lambda s: count(_of(s).simulated_steps),
    ),
    Column("model queries", "Plans judged for learning beside the edits.", lambda s: count(s.model_queries)),
    _plain("gradient steps"),
    _plain("parameters"),
    _plain("train time"),
)
CONTROL_TERMINAL = ("method", "within 1 %", "mean gap", "p95 gap", "at target", "seeds", "env steps")
"""Heads of the columns that a terminal shows."""


def columns_of(lines: Sequence[Summary]) -> tuple[Column, ...]:
    """The columns of a suite's table."""
    if any(isinstance(line, ControlSummary) for line in lines):
        return CONTROL_COLUMNS
    return COLUMNS if all(line.exact is None for line in lines) else SHORTEST_COLUMNS


def terminal_columns(lines: Sequence[Summary]) -> list[Column]:
    """Those of them that a terminal shows."""
    columns = columns_of(lines)
    heads = CONTROL_TERMINAL if columns is CONTROL_COLUMNS else TERMINAL
    return [column for column in columns if column.head in heads]


def by_edits(lines: Sequence[Summary]) -> str:
    """Mean gap, and the share of states within 1 %, after so many edits, as a Markdown table; empty without any."""
    edited = [line for line in lines if isinstance(line, ControlSummary) and line.by_edits[-1].edits]
    counts = sorted({after.edits for line in edited for after in line.by_edits})
    rows = []
    for line in edited:
        found = {after.edits: after for after in line.by_edits}
        cells = [f"{share(found[n].mean)} ({percent(found[n].within)})" if n in found else "" for n in counts]
        rows.append([line.algo, *cells])
    return markdown(["method", *(f"{n} edit{'s' * (n > 1)}" for n in counts)], rows) if rows else ""
