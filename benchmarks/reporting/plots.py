"""Learning curves with t bands over seeds, reference lines as horizontals; success against network calls."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from textwrap import fill
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from baselines import METHODS, row_of
from benchmarks.protocol.names import named
from benchmarks.protocol.rows import UNIFORM, ComputeRow, CurveRow
from benchmarks.protocol.stats import Interval, t_interval, wilson_interval
from benchmarks.reporting.summary import Summary, is_reference

OTHERS = ("#1982c4", "#8ac926", "#ff595e", "#ffca3a")
GREY = "#8a8f98"
STYLES = ((0, (1, 2)), (0, (4, 2)), (0, (6, 2, 1, 2)), (0, (4, 1, 1, 1, 1, 1)), (0, (10, 4)), (0, (1, 5)))
NO_ENTRY = "_"
"""A label that matplotlib leaves out of the legend."""
SOLVED = "puzzles solved, %"
LEGEND_WIDTH = 34
"""Characters of a line of the legend."""
MARKERS = ("o", "^", "s", "D")
"""Of the budgets of one method, which share its colour."""

Curve = list[tuple[int, float, float, float]]
"""(environment steps, mean, lo, hi) of one algorithm."""


def curve(points: Sequence[CurveRow]) -> Curve:
    """Mean and t interval over seeds at every step that all seeds have reached; no band from a single seed."""
    seeds = len({p.seed for p in points})
    out: Curve = []
    for step, group in groupby(sorted(points, key=lambda p: p.env_steps), key=lambda p: p.env_steps):
        values = [p.success for p in group]
        if len(values) == seeds > 1:
            interval = t_interval(values).within(0.0, 1.0)
            out.append((step, interval.mean, interval.lo, interval.hi))
        elif len(values) == seeds:
            out.append((step, values[0], values[0], values[0]))
    return out


def learning_curves(suite: str, points: Sequence[CurveRow], lines: Sequence[Summary]) -> Figure:
    """One suite's figure: success on validation puzzles against environment steps.

    Args:
        suite: its name.
        points: learning curves of its cells.
        lines: its summaries; those of `kind` line become horizontals, at their success on the test pool.
    """
    figure = Figure(figsize=(9.2, 4.6), layout="constrained")
    axes: Any = figure.add_subplot()
    ordered = sorted(points, key=lambda p: (is_reference(p.algo), p.algo, p.steps))
    budgets = {algo: sorted({p.steps for p in points if p.algo == algo}) for algo in {p.algo for p in points}}
    flat: list[tuple[str, str]] = []
    for i, ((algo, steps), group) in enumerate(groupby(ordered, key=lambda p: (p.algo, p.steps))):
        found = curve(list(group))
        label = algo if len(budgets[algo]) == 1 else f"{algo}, {steps:,} steps"
        marker = MARKERS[budgets[algo].index(steps) % len(MARKERS)]
        if any(mean for _, mean, _, _ in found):
            _draw(axes, colour(algo, i), _stroke(algo), label, found, marker)
        elif found:
            # One on top of the other, they could not be told apart.
            _draw(axes, GREY, _stroke(algo), NO_ENTRY, found, marker)
            flat.append((algo, label))
    if flat:
        counts = Counter(algo for algo, _ in flat)
        names = dict.fromkeys(algo if counts[algo] == len(budgets[algo]) else label for algo, label in flat)
        text = fill(f"nothing solved: {', '.join(names)}", LEGEND_WIDTH, break_on_hyphens=False)
        axes.plot([], [], "o-", color=GREY, linewidth=2, markersize=3.5, label=text)
    for line, style in zip((line for line in lines if line.kind == "line"), STYLES * 9, strict=False):
        label = f"{line.algo} (no training)"
        axes.axhline(100 * line.success.mean, color=GREY, linewidth=1.3, linestyle=style, label=label)
    _finish(axes, suite, points)
    return figure


def colour(algo: str, place: int) -> str:
    """That of the method's row; variants, which share a row, and foreign methods get one by their place."""
    row = row_of(algo)
    plain = row is not None and row.colour and "@" not in algo
    return row.colour if row is not None and plain else OTHERS[place % len(OTHERS)]


def _stroke(algo: str) -> str:
    """Dashed for references, dash-dotted for solvers, which share the colour of their policy."""
    return "--" if is_reference(algo) else "-." if named(algo).solver else "-"


def _draw(axes: Any, colour: str, stroke: str, label: str, found: Curve, marker: str = MARKERS[0]) -> None:
    steps, mean, lo, hi = zip(*found, strict=True)
    percent = [[100 * v for v in values] for values in (mean, lo, hi)]
    size = 3.5 if marker == MARKERS[0] else 5.5
    axes.plot(
        steps, percent[0], stroke, color=colour, linewidth=2, marker=marker, markersize=size, label=label, zorder=3
    )
    axes.fill_between(steps, percent[1], percent[2], color=colour, alpha=0.16, linewidth=0, zorder=2)


def _finish(axes: Any, suite: str, points: Sequence[CurveRow]) -> None:
    runs = {(p.algo, p.steps, p.seed) for p in points}
    counts = sorted(Counter((algo, steps) for algo, steps, _ in runs).values())
    seeds = " to ".join(map(str, dict.fromkeys((counts[0], counts[-1])))) if counts else "0"
    n = max((p.n for p in points), default=0)
    systems = suite.startswith("control-")
    kind, of = ("states", "states within 1 % of the optimum, %") if systems else ("puzzles", SOLVED)
    axes.set_ylim(-3, 103)
    style(axes, "environment steps", f"{suite}: {n} validation {kind}, {seeds} seeds", of)


def style(axes: Any, quantity: str, title: str, of: str) -> None:
    """What all figures share.

    Args:
        axes: the figure's.
        quantity: of the x axis, which is logarithmic.
        title: of the figure.
        of: the y axis.
    """
    axes.set_xscale("log")
    # 1k, 2k, 5k: a curve may span less than a decade, and labels of every minor tick would overlap.
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(quantity)
    axes.set_ylabel(of)
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axes.grid(True, which="major", color="#e6e8eb", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#9aa0a6")
    axes.tick_params(color="#9aa0a6", labelcolor="#3c4043")
    legend = axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=9, handlelength=2.6)
    # A long legend makes the figure higher instead of being cut off.
    entries = sum(1 + text.get_text().count("\n") for text in legend.get_texts())
    axes.figure.set_figheight(max(axes.figure.get_figheight(), 0.2 * entries))


def compute_curves(rows: Sequence[ComputeRow]) -> Figure:
    """Success on test puzzles against network calls, with Wilson bands.

    A search stands at the budget that it may use, the policy alone and attempts at what they made on average.

    Args:
        rows: of one suite and the same puzzles, at least one.
    """
    figure = Figure(figsize=(9.2, 4.6), layout="constrained")
    axes: Any = figure.add_subplot()
    budgets = sorted({row.budget for row in rows if row.solver == "search"})
    colours = iter((METHODS["hindsight_trm"].colour, *OTHERS) * 9)
    ordered = sorted(rows, key=lambda r: (r.guide == UNIFORM, r.guide, r.unroll or 0, r.solver or "", r.budget))
    for (guide, unroll), group in groupby(ordered, key=lambda r: (r.guide, r.unroll)):
        label = "no network: uniform" if guide == UNIFORM else guide if unroll is None else f"{guide}, n = {unroll}"
        colour = GREY if guide == UNIFORM else next(colours)
        _draw_compute(axes, colour, "--" if guide == UNIFORM else "-", label, list(group))
    axes.set_ylim(-3, 103)
    style(
        axes,
        "network calls a puzzle: at most (search), mean (policy alone, attempts)",
        f"{rows[0].suite}: {rows[0].n} test puzzles, 95 % Wilson intervals",
        SOLVED,
    )
    axes.set_xticks(budgets, [str(budget) for budget in budgets], minor=False)
    axes.minorticks_off()
    return figure


def _draw_compute(axes: Any, colour: str, stroke: str, label: str, rows: Sequence[ComputeRow]) -> None:
    """The searches of one guide as a curve, its policy alone and its attempts as points."""
    intervals = [(row, wilson_interval(row.solved, row.n)) for row in rows]
    searched: Curve = [(row.budget, i.mean, i.lo, i.hi) for row, i in intervals if row.solver == "search"]
    if searched:
        guesses = " with guesses" if any(row.guesses for row in rows) else ""
        _draw(axes, colour, stroke, f"{label}, search{guesses}", searched)
    named = {None: "policy alone", "attempts": "attempts"}
    for solver, marker in ((None, "D"), ("attempts", "s")):
        points = [(row.network_calls, i) for row, i in intervals if row.solver == solver]
        if points:
            mean = [100 * i.mean for _, i in points]
            # Rounding may put an end of the interval inside the estimate where that is 0 or 1.
            low, high = ([max(0.0, 100 * side) for side in sides] for sides in zip(*_sides(points), strict=True))
            about = {"fmt": marker, "color": colour, "capsize": 3, "markersize": 6, "zorder": 4}
            axes.errorbar([x for x, _ in points], mean, [low, high], label=f"{label}, {named[solver]}", **about)


def _sides(points: Sequence[tuple[float, Interval]]) -> list[tuple[float, float]]:
    return [(i.mean - i.lo, i.hi - i.mean) for _, i in points]


def as_svg(figure: Figure) -> str:
    """The figure as an `<svg>` element without links or dates, the same bytes for the same figure."""
    out = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "benchmarks", "svg.fonttype": "path"}):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def as_png(figure: Figure) -> bytes:
    """The figure as PNG."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=160, metadata={"Software": None})
    return out.getvalue()
