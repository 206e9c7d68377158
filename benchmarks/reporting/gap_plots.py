"""How far above the reference optimum plans are, against edits, beside lines that need none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from benchmarks.protocol.names import named
from benchmarks.reporting.plots import GREY, STYLES, colour, style
from benchmarks.reporting.summary import ControlSummary

FLOOR = 1e-4
"""Gaps below so many percent are drawn there: what a reference solver's tolerance leaves open."""
FEWER = {"linestyle": "--", "markerfacecolor": "white"}
"""How a method is drawn beside itself with more environment steps."""
ENDS = ("zero", "stored_reference")
"""Lines that would only stretch the figure: the first plan, and the optimum itself."""


def gaps_by_edits(suite: str, lines: Sequence[ControlSummary]) -> Figure:
    """Mean gap to the reference optimum against edits, both on logarithmic axes; variants are left to the tables.

    Args:
        suite: its name.
        lines: its summaries; those without edits become horizontals, those with fewer environment steps than another of
            the same method are dashed, and those without a mean gap are left out.
    """
    figure = Figure(figsize=(9.2, 4.6), layout="constrained")
    axes: Any = figure.add_subplot()
    budgets = {line.algo: {other.steps for other in lines if other.algo == line.algo} for line in lines}

    def label(line: ControlSummary) -> str:
        return line.algo if len(budgets[line.algo]) == 1 else f"{line.algo}, {line.steps:,} steps"

    ticks: set[int] = set()
    shown = [line for line in lines if not named(line.algo).settings and line.algo not in ENDS]
    for place, line in enumerate(line for line in shown if line.by_edits[-1].edits):
        points = [(after.edits, after.mean) for after in line.by_edits if after.mean is not None]
        if points:
            edits, gaps = zip(*points, strict=True)
            ticks.update(edits)
            percent = [max(100 * gap, FLOOR) for gap in gaps]
            shape = {"linewidth": 2, "marker": "o", "markersize": 3.5}
            fewer = FEWER if line.steps < max(budgets[line.algo]) else {}
            axes.plot(edits, percent, color=colour(line.algo, place), label=label(line), **shape, **fewer)
    flat = [line for line in shown if not line.by_edits[-1].edits and line.gap_mean is not None]
    for line, stroke in zip(flat, STYLES * 9, strict=False):
        assert line.gap_mean is not None
        gap = max(100 * line.gap_mean, FLOOR)
        axes.axhline(gap, color=GREY, linewidth=1.3, linestyle=stroke, label=f"{label(line)} (no edits)")
    axes.set_yscale("log")
    style(axes, "edits", f"{suite}: {lines[0].n} test states", "mean gap to the reference optimum, %")
    axes.set_xticks(sorted(ticks), [str(edits) for edits in sorted(ticks)])
    axes.xaxis.set_minor_formatter(NullFormatter())
    return figure
