"""Tables and the figure of docs/recursion.md from published rows: `PYTHONPATH=. python docs/recursion.py`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from baselines import method
from benchmarks.protocol.names import named
from benchmarks.protocol.published import published
from benchmarks.protocol.records import write_atomically
from benchmarks.protocol.rows import ResultRow
from benchmarks.reporting import plots, tables
from benchmarks.reporting.summary import Summary, summarise

PAGE = Path(__file__).parent / "recursion.md"
FIGURE = Path(__file__).parent / "images" / "recursion-cycles.png"
WALK = "walk-7x7"
WALKERS: Mapping[str, tuple[str, str, str]] = {
    "trm_ppo": ("exact-cover core", "20 cycles of one layer", "yes"),
    "trm_ppo@mixer=neighbours@k_cycles=1@n_h_layers=20@h_dim=4@l_dim=1": ("sums over neighbours", "20 layers", "yes"),
    "trm_ppo@mixer=conv@k_cycles=1@n_h_layers=4@h_dim=6@l_dim=1": ("residual CNN", "4 layers", "no"),
    "ppo@policy_kwargs.net_arch=[4,4]": ("MLP", "2 layers", "no"),
}
"""Line of `walk-7x7` -> its network, its depth, and whether it is symmetric."""
HEADS = ("network", "depth", "symmetric", "weights", "solved", "95 % interval", "solved, sampled", "seeds", "line")


OPEN = "open-walk-5x5"
ON_THE_OPEN: Mapping[str, str] = {
    "reinforce": "MLP",
    "trm_reinforce@deep_supervision=true": "recursive, K = 3, deep supervision",
    "trm_reinforce@deep_supervision=true@k_cycles=5": "recursive, K = 5, deep supervision",
    "trm_reinforce@n_h_layers=1": "recursive, K = 3, one H layer",
    "trm_reinforce@n_h_layers=1@k_cycles=5": "recursive, K = 5, one H layer",
}
"""Line of `open-walk-5x5` -> its policy."""
SHORTEST = 8
"""Moves of a shortest walk from corner to corner of 5x5."""


def open_maze() -> str:
    """In how many runs the greedy policy walks a shortest way."""
    rows = []
    for algo, policy in ON_THE_OPEN.items():
        mine = [row for row in published(ResultRow) if (row.suite, row.algo) == (OPEN, algo)]
        shortest = sum(row.edits == SHORTEST for row in mine)
        rows.append([policy, f"{mine[0].parameters:,}", f"{shortest} of {len(mine)}", f"`{algo}`"])
    return tables.markdown(["policy", "weights", "runs on a shortest walk", "line"], rows)


def lines() -> list[Summary]:
    """Trained policies of walk-7x7, from best to worst."""
    return summarise(row for row in published(ResultRow) if row.suite == WALK and row.kind != "line")


def networks() -> str:
    """What each network solves."""
    return tables.markdown(HEADS, [_cells(line) for line in lines() if line.algo in WALKERS])


def _cells(line: Summary) -> list[str]:
    sampled = "" if line.sampled is None else tables.percent(line.sampled.mean)
    solved = [tables.percent(line.success.mean), tables.span(line.success), sampled]
    return [*WALKERS[line.algo], f"{line.parameters:,}", *solved, str(line.seeds), f"`{line.algo}`"]


def by_cycles() -> list[tuple[int, Summary]]:
    """The recursive policies, by the number of cycles that they are scored at."""
    mine = [line for line in lines() if named(line.algo).method == "trm_ppo"]
    return sorted(((named(line.algo).budget or trained_cycles(), line) for line in mine), key=lambda each: each[0])


def trained_cycles() -> int:
    """Cycles that they were trained at."""
    walking = method("trm_ppo").walking
    assert walking is not None
    return int(walking.words["k_cycles"])


def cycles() -> str:
    """What they solve at each number of cycles."""
    rows = [[str(count), tables.percent(line.success.mean), tables.span(line.success)] for count, line in by_cycles()]
    return tables.markdown(["cycles", "solved", "95 % interval"], rows)


def figure() -> bytes:
    """The same as a curve."""
    drawn = Figure(figsize=(6.4, 3.8), layout="constrained")
    axes = drawn.add_subplot()
    x = [count for count, _ in by_cycles()]
    mean, low, high = ([100 * line.success[i] for _, line in by_cycles()] for i in range(3))
    axes.fill_between(x, low, high, alpha=0.18, linewidth=0)
    axes.plot(x, mean, marker="o", label=f"trained at {trained_cycles()} cycles")
    axes.axvline(trained_cycles(), color="#9aa0a6", linestyle=":")
    axes.set_ylim(-3, 103)
    plots.style(axes, "cycles at test time", f"{WALK}: test mazes, 95 % intervals over seeds", "mazes solved, %")
    axes.set_xticks(x, [str(count) for count in x])
    axes.minorticks_off()
    return plots.as_png(drawn)


def page() -> str:
    """The page with its tables in their places."""
    text = PAGE.read_text(encoding="utf-8")
    for name, table in (("networks", networks()), ("cycles", cycles()), ("open", open_maze())):
        before, _, rest = text.partition(f"<!-- {name} -->")
        text = f"{before}<!-- {name} -->\n{table}\n<!-- /{name} -->{rest.partition(f'<!-- /{name} -->')[2]}"
    return text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    write_atomically(FIGURE, figure())
