"""The depth study in a table and a figure, with t intervals over seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from math import inf
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from benchmarks.protocol.stats import Interval, t_interval
from benchmarks.studies.depth import DepthRow

COLOURS = {
    ("none", inf): "#d1495b",
    ("clamp", 0.9): "#edae49",
    ("certified", 0.9): "#0b6e4f",
    ("certified", 0.7): "#2e86ab",
    ("certified", 0.5): "#6a4c93",
    ("certified", 0.2): "#c77dba",
    ("certified", 0.02): "#5c677d",
}
"""By contraction and L_z."""
Quantity = Callable[[DepthRow], float]
QUANTITIES: dict[str, Quantity] = {
    "Delta_V": lambda row: row.delta_value,
    "relative": lambda row: row.relative,
    "Delta_pi": lambda row: row.delta_policy,
    "Delta_z": lambda row: row.delta_latent,
    "argmax": lambda row: row.agreement,
    "success": lambda row: row.success,
}
FLOOR = 1e-9
"""What a logarithmic axis shows of zero."""


def over_seeds(rows: Sequence[DepthRow], quantity: Quantity) -> Interval:
    """Mean and t interval."""
    return t_interval([quantity(row) for row in rows])


class Group(NamedTuple):
    """What rows of several seeds have in common."""

    states_set: str
    contraction: str
    dial: float
    projection: bool
    m: int


def groups(rows: Sequence[DepthRow]) -> list[tuple[Group, list[DepthRow]]]:
    """Rows of all seeds by set, contraction, projection and m, in this order."""

    def key(row: DepthRow) -> Group:
        return Group(row.states_set, row.contraction, row.dial, row.projection, row.m)

    order = list(COLOURS)
    ordered = sorted(rows, key=lambda r: (r.states_set, order.index((r.contraction, r.dial)), not r.projection, r.m))
    return [(name, list(group)) for name, group in groupby(ordered, key=key)]


def table(rows: Sequence[DepthRow], depths: Sequence[int] | None = None) -> str:
    """Markdown, one line a set, variant and depth."""
    heads = ["states", "contraction, L_z", "projection", "m", *QUANTITIES, "envelope", "seeds"]
    lines = ["| " + " | ".join(heads) + " |", "|" + " :--- |" * 3 + " ---: |" * (len(heads) - 3)]
    for about, group in groups(rows):
        if depths is None or about.m in depths:
            cells = [_cell(over_seeds(group, quantity)) for quantity in QUANTITIES.values()]
            bound = float(np.mean([row.envelope for row in group]))
            last = [f"{bound:.3g}" if np.isfinite(bound) else "none", str(len(group))]
            words = [about.states_set, _words(about), "on" if about.projection else "off", str(about.m), *cells, *last]
            lines.append("| " + " | ".join(words) + " |")
    return "\n".join(lines)


FACTORS = (1, 2, 4)


def dial_table(rows: Sequence[DepthRow]) -> str:
    """Markdown, one line an L_z and n: success at n, 2n and 4n, and what 4n changes.

    Args:
        rows: of one suite and budget, measured at these depths.
    """
    heads = ["n", "L_z", *(f"success at {k if k > 1 else ''}n" for k in FACTORS)]
    heads += ["relative Delta_V at 4n", "Delta_pi at 4n", "argmax at 4n", "seeds"]
    lines = ["| " + " | ".join(heads) + " |", "|" + " ---: |" * len(heads)]

    def key(row: DepthRow) -> tuple[int, float]:
        return row.n, row.dial

    for (n, dial), found in groupby(sorted((row for row in rows if row.states_set == "B1"), key=key), key=key):
        at = {m: list(group) for m, group in groupby(sorted(found, key=lambda row: row.m), key=lambda row: row.m)}
        success = [_cell(over_seeds(at[k * n], QUANTITIES["success"])) for k in FACTORS]
        changes = [_cell(over_seeds(at[4 * n], QUANTITIES[name])) for name in ("relative", "Delta_pi", "argmax")]
        lines.append(f"| {n} | {dial:g} | {' | '.join(success + changes)} | {len(at[n])} |".replace("inf", "free"))
    return "\n".join(lines)


def _words(about: Group) -> str:
    return about.contraction if about.contraction == "none" else f"{about.contraction}, {about.dial:g}"


def _cell(interval: Interval) -> str:
    return f"{interval.mean:.3g} ± {interval.hi - interval.mean:.2g}"


def figure(rows: Sequence[DepthRow]) -> Figure:
    """Four panels for B1: Delta_V under its envelope, relative Delta_V, Delta_pi, success; bands are t intervals."""
    drawn = Figure(figsize=(13.0, 3.9), layout="constrained")
    panels: Any = drawn.subplots(1, 4)
    shown = [row for row in rows if row.states_set == "B1"]
    for axes, name in zip(panels, ("Delta_V", "relative", "Delta_pi", "success"), strict=True):
        for _, group in groupby(groups(shown), key=lambda item: item[0]._replace(m=0)):
            found = list(group)
            _curve(axes, name, found[0][0], [rows for _, rows in found])
        _finish(axes, name, shown[0])
    panels[-1].legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=7.5, frameon=False)
    return drawn


def _curve(axes: Any, name: str, about: Group, found: list[list[DepthRow]]) -> None:
    """One variant: its mean, its band and, for Delta_V, what was predicted."""
    # At its own depth a model differs from itself by nothing, which a logarithmic axis cannot show.
    found = [group for group in found if name == "success" or group[0].m != group[0].n]
    depths = [group[0].m for group in found]
    intervals = [over_seeds(group, QUANTITIES[name]) for group in found]
    style, colour = "-" if about.projection else "--", COLOURS[about.contraction, about.dial]
    label = f"{_words(about)}, projection {'on' if about.projection else 'off'}"
    least = 0.0 if name == "success" else FLOOR
    mean, lo, hi = (np.maximum([getattr(i, end) for i in intervals], least) for end in ("mean", "lo", "hi"))
    axes.plot(depths, mean, style, color=colour, marker="o", markersize=3.5, linewidth=1.8, label=label)
    hi = np.minimum(hi, 1.0) if name == "success" else hi
    axes.fill_between(depths, np.maximum(lo, mean / 10 if least else 0.0), hi, color=colour, alpha=0.12)
    bound = np.array([np.mean([row.envelope for row in group]) for group in found])
    if name == "Delta_V" and np.isfinite(bound).all():
        dots = (0, (1, 1.5)) if about.projection else (0, (1, 3))
        axes.plot(depths, np.maximum(bound, FLOOR), color=colour, linestyle=dots, linewidth=1.4)


def _finish(axes: Any, name: str, row: DepthRow) -> None:
    titles = {
        "Delta_V": "mean |U_n - U_m|, dotted: envelope",
        "relative": "the same / spread of V",
        "Delta_pi": "KL(pi_n || pi_m)",
        "success": "test puzzles solved",
    }
    axes.set_title(titles[name], fontsize=10, loc="left")
    axes.set_xscale("log", base=2)
    axes.set_xlabel(f"inner steps m (trained at n = {row.n})")
    if name != "success":
        axes.set_yscale("log")
    axes.grid(True, color="#e6e8eb", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
