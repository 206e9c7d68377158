"""Tables of summaries: for the terminal, for Markdown and for the report, from one list of columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from benchmarks.protocol.rows import ComputeRow, RefutationRow, SpeedRow
from benchmarks.protocol.stats import Interval, Paired, wilson_interval
from benchmarks.protocol.trials import Trial
from benchmarks.reporting.summary import ControlSummary, Lasting, Summary

if TYPE_CHECKING:
    from trm_agents.zoo import Card, Score


T = TypeVar("T")


class Column(NamedTuple):
    """One column: its head, what it means, and what it says of a summary."""

    head: str
    meaning: str
    cell: Callable[[Summary], str]


def percent(value: float) -> str:
    """`97.3 %`."""
    return f"{100 * value:.1f} %"


def size(count: float) -> str:
    """`1.5 MB`: bytes, in powers of 1,000."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def points(value: float) -> str:
    """`+1.2`: a difference of two rates in percentage points."""
    return f"{100 * value:+.1f}"


def span(interval: Interval) -> str:
    """`[95.1, 99.0]`, in percent; a Wilson interval is marked with a w."""
    mark = " w" if interval.kind == "wilson" else ""
    return f"[{100 * interval.lo:.1f}, {100 * interval.hi:.1f}]{mark}"


def rate(interval: Interval) -> str:
    """`97.3 % [95.1, 99.0]`."""
    return f"{percent(interval.mean)} {span(interval)}"


def count(value: float) -> str:
    """`0`, `812`, `12.3k`, `4.56M`."""
    if value < 10_000:
        return f"{value:,.0f}".replace(",", "")
    return f"{value / 1e3:.1f}k" if value < 1e6 else f"{value / 1e6:.2f}M"


def counted(value: float | None) -> str:
    """A number of test-time compute; empty where nobody counted."""
    return "" if value is None else f"{value:.1f}" if value < 100 else count(value)


def _seconds(value: float) -> str:
    return "" if value == 0 else f"{value:.0f} s" if value >= 10 else f"{value:.1f} s"


COLUMNS = (
    Column("method", "Name in the registry; reference lines (floors, ceilings) come last.", lambda s: s.algo),
    Column(
        "success",
        "Test puzzles solved by the final checkpoint: each exactly once, by greedy actions, one pass an edit, or by "
        "the solver that the name ends in. Mean over training seeds.",
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
        lambda s: "" if s.sampled is None else rate(s.sampled),
    ),
    Column("seeds", "Training seeds, or draws of a reference line.", lambda s: str(s.seeds)),
    Column("n", "Test puzzles that each seed was scored on.", lambda s: str(s.n)),
    Column("legal actions", "givens: only givens locked. consistent: also break no rule.", lambda s: s.legal_actions),
    Column("edits", "Mean edits spent on a puzzle; an unsolved one spends all.", lambda s: f"{s.edits:.1f}"),
    Column(
        "network calls",
        "Test-time compute: mean network passes on a puzzle; empty where nobody counted, here and in the next two.",
        lambda s: counted(s.network_calls),
    ),
    Column("inner steps", "Mean inner steps of recursive networks on a puzzle.", lambda s: counted(s.inner_steps)),
    Column(
        "checks",
        "Mean plans on a puzzle that the checker or the rules judged before an edit was chosen.",
        lambda s: counted(s.checks),
    ),
    Column(
        "knows",
        "What the method is given beside observations and rewards: masks of legal actions, the groups of the "
        "constraint graph, that symbols are alike, the symmetries of the puzzle, the model (successors of any state), "
        "the checker (scores of any plan), how such puzzles are solved.",
        lambda s: s.knows,
    ),
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
EXACT = Column(
    "exact match",
    "Mazes solved by one shortest path chosen beforehand, mean over seeds: the one that breadth-first search from the "
    "start finds when it tries the cells above, below, left and right in turn. Published figures often count this. A "
    "maze may have several shortest paths, so exact match fails models that find another one; success counts any.",
    lambda s: "" if s.exact is None else percent(s.exact),
)
SHORTEST_COLUMNS = (*COLUMNS[:3], EXACT, *COLUMNS[3:])
"""Columns of mazes that only a shortest path solves."""


class Measured(NamedTuple):
    """One line of an agent's card."""

    card: Card
    score: Score


def measured(cards: Iterable[Card]) -> list[Measured]:
    """The policy of every agent, followed by its solver where it was measured with one."""
    return [Measured(card, score) for card in cards for score in (card.policy, card.solver) if score is not None]


CARD_COLUMNS: dict[str, Callable[[Measured], str]] = {
    "agent": lambda one: one.card.name,
    "line": lambda one: one.score.line,
    "suite": lambda one: one.card.suite,
    "success": lambda one: percent(one.score.success),
    "95% interval": lambda one: span(Interval(one.score.success, *one.score.interval, one.card.n, "wilson")),
    "n": lambda one: str(one.card.n),
    "network calls": lambda one: counted(one.score.network_calls),
    "inner steps": lambda one: counted(one.score.inner_steps),
    "checks": lambda one: counted(one.score.checks),
    "edits": lambda one: f"{one.score.edits:.1f}",
    "parameters": lambda one: count(one.card.parameters),
    "env steps": lambda one: count(one.card.env_steps),
    "seed": lambda one: str(one.card.seed),
    "trained by": lambda one: one.card.trained_commit[:7],
}
"""Columns of a table of the zoo's agents: head -> what it says of one line of a card."""

COMPUTE_COLUMNS: dict[str, Callable[[ComputeRow], str]] = {
    "guide": lambda row: row.guided_by,
    "solver": lambda row: "policy" if row.solver is None else f"{row.solver}={row.budget}",
    "solved": lambda row: percent(row.success),
    "95% interval": lambda row: span(wilson_interval(row.solved, row.n)),
    "mean calls": lambda row: f"{row.network_calls:.1f}",
    "median when solved": lambda row: "" if row.network_calls_solved is None else f"{row.network_calls_solved:g}",
    "inner steps": lambda row: counted(row.inner_steps),
    "checks": lambda row: counted(row.checks),
    "edits": lambda row: f"{row.edits:.1f}",
}
"""Columns of a table of success against network calls a puzzle: head -> what it says of a row."""

SPEED_COLUMNS: dict[str, Callable[[SpeedRow], str]] = {
    "what": lambda row: row.name,
    "median": lambda row: f"{row.value:,.0f} {row.unit}",
    "range": lambda row: f"{row.lowest:,.0f} to {row.highest:,.0f}",
    "threads": lambda row: str(row.threads),
    "processor": lambda row: row.cpu,
}
"""Columns of a table of throughputs: head -> what it says of one."""

TUNING_COLUMNS: dict[str, Callable[[Trial], str]] = {
    "method": lambda one: one.row.algo,
    "trial": lambda one: str(one.row.trial),
    "solved": lambda one: percent(one.row.success),
    "score": lambda one: f"{one.row.score:.4f}",
    "sampled": lambda one: "" if one.row.success_sampled is None else percent(one.row.success_sampled),
    "used": lambda one: "yes" if one.used else "",
    "train time": lambda one: _seconds(one.row.wall_s),
    "settings": lambda one: ", ".join(f"{key}={value}" for key, value in one.changes.items()) or "as before tuning",
}
"""Columns of the table of tuning trials: head -> what it says of one."""

TERMINAL = ("method", "success", "95% interval", "exact match", "seeds", "network calls", "checks", "env steps")
"""Heads of the columns that a terminal shows."""


def terminal(title: str, lines: Sequence[Summary], columns: Sequence[Column]) -> Table:
    """Summaries of one suite as a rich table: the report has all columns."""
    sizes = " and ".join(str(n) for n in sorted({line.n for line in lines}))
    about = "states" if isinstance(lines[0], ControlSummary) else f"puzzles, {_levels(lines)}"
    table = narrow(f"{title}, {sizes} test {about}", [column.head for column in columns])
    for i, line in enumerate(lines):
        last_contestant = not line.is_reference and (i + 1 == len(lines) or lines[i + 1].is_reference)
        table.add_row(*(Text(column.cell(line)) for column in columns), end_section=last_contestant)
    return table


def narrow(title: str, heads: Sequence[str]) -> Table:
    """An empty table, as narrow as it can be: a folded number is hard to read."""
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    table.show_edge = table.pad_edge = False
    table.padding = (0, 0)
    for head in heads:
        justify: Literal["left", "right"] = "left" if head == heads[0] else "right"
        table.add_column(head.replace(" ", "\n"), justify=justify, vertical="bottom", no_wrap=True)
    return table


def _levels(lines: Sequence[Summary]) -> str:
    levels = " and ".join(sorted({line.legal_actions for line in lines}))
    return f"legal actions: {levels}"


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, first column left-aligned, the others right."""
    lines = [" | ".join(heads), " | ".join([":---", *["---:"] * (len(heads) - 1)]), *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {line} |" for line in lines)


def markdown_summaries(lines: Sequence[Summary], columns: Sequence[Column] = COLUMNS) -> str:
    """Summaries as a Markdown table; references in italics.

    Args:
        lines: one a row.
        columns: the first is the method's name.
    """
    rows = [
        [f"*{line.algo}*" if line.is_reference else line.algo, *(c.cell(line) for c in columns[1:])] for line in lines
    ]
    return markdown([column.head for column in columns], rows)


def markdown_columns(columns: Mapping[str, Callable[[T], str]], found: Sequence[T]) -> str:
    """Anything as a Markdown table, one a row.

    Args:
        columns: head -> what the column says of one.
        found: what the table is of.
    """
    return markdown(list(columns), [[cell(one) for cell in columns.values()] for one in found])


def refutation_table(rows: Sequence[RefutationRow]) -> tuple[list[str], list[list[str]]]:
    """Heads and lines of one suite: for each method, the share of edits of every kind that it believes dead."""
    kinds = list(dict.fromkeys(row.rounds for row in rows))
    lines = []
    for algo, steps in dict.fromkeys((row.algo, row.steps) for row in rows):
        mine = [row for row in rows if (row.algo, row.steps) == (algo, steps)]
        shares = {kind: [r.believed_dead / r.edits for r in mine if r.rounds == kind and r.edits] for kind in kinds}
        means = [percent(sum(found) / len(found)) if found else "" for found in shares.values()]
        lines.append([algo, f"{steps:,}", str(len({row.seed for row in mine})), *means])
    heads = ["wrong kills" if kind == "alive" else f"caught, {kind}" for kind in kinds]
    edits = [sum(row.edits for row in rows if row.rounds == kind and row.key[:4] == rows[0].key[:4]) for kind in kinds]
    return ["method", "steps", "seeds", *heads], [*lines, ["edits of the kind", "", "", *map("{:,}".format, edits)]]


def paired_text(paired: Paired, instances: str = "puzzles") -> str:
    """`+1.2 points, 95 % interval [0.5, 1.9] over 5 seeds, [0.1, 2.3] over 512 puzzles`."""
    over = [f"{span(i)} over {i.n} {what}" for i, what in _spans(paired, instances)]
    return f"{points(paired.over_puzzles.mean)} points, 95 % interval {', '.join(over)}"


def paired_line(a: Summary, b: Summary, paired: Paired, instances: str) -> str:
    """`A minus B: ` and the text of their difference."""
    return f"{a.algo} minus {b.algo}: {paired_text(paired, instances)}"


def lasting_line(algo: str, curves: Lasting) -> str:
    """When the seeds reach their best score on validation puzzles, and how long they hold it."""
    least, most = (f"{steps:,}" for steps in curves.first)
    low, high = (f"{success:.1%}" for success in curves.highest)
    best = low if low == high else f"{low} to {high}"
    when = f"after {least}" if least == most else f"within {least} to {most}"
    reached = f"The seeds of {algo} reach their best score ({best} of {curves.n} validation puzzles) {when} steps"
    if curves.held == curves.times:
        return f"{reached} and hold it to the end of training, at least {curves.times:.1f} times as long."
    held = f"hold it at least {curves.held:.1f} times as long"
    end = f"to the end, at least {curves.times:.1f} times as long"
    return f"{reached}, {held}, and score at least {curves.lowest:.1%} {end}."


def _spans(paired: Paired, instances: str) -> list[tuple[Interval, str]]:
    seeds = [] if paired.over_seeds is None else [(paired.over_seeds, "seeds")]
    return [*seeds, (paired.over_puzzles, instances)]
