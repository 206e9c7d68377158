"""Tables of summaries: for the terminal, for Markdown and for the report, from one list of columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from benchmarks.rows import SpeedRow
from benchmarks.stats import Interval, Paired
from benchmarks.summary import Summary

if TYPE_CHECKING:
    from trm_agents.zoo import Card


class Column(NamedTuple):
    """One column: its head, what it means, and what it says of a summary."""

    head: str
    meaning: str
    cell: Callable[[Summary], str]


def percent(value: float) -> str:
    """`97.3 %`."""
    return f"{100 * value:.1f} %"


def span(interval: Interval) -> str:
    """`[95.1, 99.0]`, in percent; a Wilson interval is marked with a w."""
    mark = " w" if interval.kind == "wilson" else ""
    return f"[{100 * interval.lo:.1f}, {100 * interval.hi:.1f}]{mark}"


def count(value: float) -> str:
    """`0`, `812`, `12.3k`, `4.56M`."""
    if value < 10_000:
        return f"{value:,.0f}".replace(",", "")
    return f"{value / 1e3:.1f}k" if value < 1e6 else f"{value / 1e6:.2f}M"


def _seconds(value: float) -> str:
    return "" if value == 0 else f"{value:.0f} s" if value >= 10 else f"{value:.1f} s"


COLUMNS = (
    Column("method", "Name in the registry; reference lines (floors, ceilings) come last.", lambda s: s.algo),
    Column(
        "success",
        "Test puzzles solved by the final checkpoint: each exactly once, greedy actions. Mean over training seeds.",
        lambda s: percent(s.success.mean),
    ),
    Column(
        "95% interval",
        "Student t over seeds, cut to what a rate can be; for a single seed the Wilson interval of that one model "
        "over puzzles, marked w. When every seed scores the same, a t interval has no width: see n.",
        lambda s: span(s.success),
    ),
    Column(
        "sampled",
        "The same with actions sampled from the policy; empty where there is no such mode or one seed only.",
        lambda s: "" if s.sampled is None else f"{percent(s.sampled.mean)} {span(s.sampled)}",
    ),
    Column("seeds", "Training seeds, or draws of a reference line.", lambda s: str(s.seeds)),
    Column("n", "Test puzzles that each seed was scored on.", lambda s: str(s.n)),
    Column("legal actions", "givens: only givens locked. consistent: also break no rule.", lambda s: s.legal_actions),
    Column("edits", "Mean edits spent on a puzzle; an unsolved one spends all.", lambda s: f"{s.edits:.1f}"),
    Column(
        "env steps",
        "Calls of env.step to train, the unit of cost; the last rollout is finished.",
        lambda s: count(s.env_steps),
    ),
    Column("model queries", "Successors enumerated through the MDP to train.", lambda s: count(s.model_queries)),
    Column("gradient steps", "Optimiser steps in training.", lambda s: count(s.gradient_steps)),
    Column("parameters", "Trainable parameters.", lambda s: count(s.parameters)),
    Column("train time", "Wall-clock time of training one seed, scoring excluded.", lambda s: _seconds(s.wall_s)),
)


CARD_COLUMNS: dict[str, Callable[[Card], str]] = {
    "agent": lambda card: card.name,
    "suite": lambda card: card.suite,
    "success": lambda card: percent(card.success),
    "95% interval": lambda card: span(Interval(card.success, *card.interval, card.n, "wilson")),
    "n": lambda card: str(card.n),
    "edits": lambda card: f"{card.edits:.1f}",
    "parameters": lambda card: count(card.parameters),
    "env steps": lambda card: count(card.env_steps),
    "seed": lambda card: str(card.seed),
    "trained by": lambda card: card.trained_commit[:7],
}
"""Columns of a table of the zoo's agents: head -> what it says of a card."""

TERMINAL = ("method", "success", "95% interval", "seeds", "n", "env steps", "model queries", "train time")
"""Heads of the columns that a terminal shows."""


def terminal(title: str, lines: Sequence[Summary]) -> Table:
    """Summaries of one suite as a rich table, as narrow as it can be: the report has all columns."""
    columns = [column for column in COLUMNS if column.head in TERMINAL]
    title = f"{title}, {_levels(lines)}"
    # Narrow on purpose: a folded number is hard to read.
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    table.show_edge = table.pad_edge = False
    table.padding = (0, 0)
    for column in columns:
        justify: Literal["left", "right"] = "left" if column is columns[0] else "right"
        table.add_column(column.head.replace(" ", "\n"), justify=justify, vertical="bottom", no_wrap=True)
    for i, line in enumerate(lines):
        last_contestant = not line.is_reference and (i + 1 == len(lines) or lines[i + 1].is_reference)
        table.add_row(*(Text(column.cell(line)) for column in columns), end_section=last_contestant)
    return table


def _levels(lines: Sequence[Summary]) -> str:
    levels = " and ".join(sorted({line.legal_actions for line in lines}))
    return f"legal actions: {levels}"


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, first column left-aligned, the others right."""
    lines = [" | ".join(heads), " | ".join([":---", *["---:"] * (len(heads) - 1)]), *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {line} |" for line in lines)


def markdown_summaries(lines: Sequence[Summary]) -> str:
    """Summaries as a Markdown table; references in italics."""
    rows = [
        [f"*{line.algo}*" if line.is_reference else line.algo, *(c.cell(line) for c in COLUMNS[1:])] for line in lines
    ]
    return markdown([column.head for column in COLUMNS], rows)


def markdown_speed(rows: Sequence[SpeedRow]) -> str:
    """Throughputs as a Markdown table."""
    cells = [
        [
            row.name,
            f"{row.value:,.0f} {row.unit}",
            f"{row.lowest:,.0f} to {row.highest:,.0f}",
            str(row.threads),
            row.cpu,
        ]
        for row in rows
    ]
    return markdown(["what", "median", "range", "threads", "processor"], cells)


def markdown_cards(cards: Sequence[Card]) -> str:
    """The zoo's agents as a Markdown table."""
    return markdown(list(CARD_COLUMNS), [[cell(card) for cell in CARD_COLUMNS.values()] for card in cards])


def paired_text(paired: Paired) -> str:
    """`+1.2 points, 95 % interval [0.5, 1.9] over 5 seeds, [0.1, 2.3] over 512 puzzles`."""
    over = [f"{span(i)} over {i.n} {what}" for i, what in _spans(paired)]
    return f"{100 * paired.over_puzzles.mean:+.1f} points, 95 % interval {', '.join(over)}"


def _spans(paired: Paired) -> list[tuple[Interval, str]]:
    seeds = [] if paired.over_seeds is None else [(paired.over_seeds, "seeds")]
    return [*seeds, (paired.over_puzzles, "puzzles")]
