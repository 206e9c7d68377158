"""Tables of docs/recursion.md, and its figures, which `python -m benchmarks.reporting.recursion_tables` draws."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from baselines import method
from benchmarks.protocol.names import named
from benchmarks.protocol.provenance import ROOT
from benchmarks.protocol.published import PUBLISHED, published
from benchmarks.protocol.records import write_atomically
from benchmarks.protocol.rows import ResultRow
from benchmarks.reporting import tables
from benchmarks.reporting.path_tables import Scores
from benchmarks.reporting.summary import Summary, summarise

IMAGES = ROOT / "docs" / "images"
CLAIMED = Path(__file__).with_name("claimed.json")
WALK = "walk-7x7"
_SMALL = "@n_steps=16@batch_size=256@ent_coef=0.01@learning_rate=[4e-3,3e-4]"
"""Rollouts of the first rows."""
_CNN = "trm_ppo@mixer=conv@k_cycles=1@n_h_layers=4@h_dim=6@l_dim=1"
_SUMS = "trm_ppo@mixer=neighbours@k_cycles=1@n_h_layers=20@h_dim=4@l_dim=1"
_MLP = "ppo@policy_kwargs.net_arch=[4,4]"
_RECURSIONS = {
    "neighbours@k_cycles=20@h_dim=12@l_dim=8": ("sums over neighbours", "yes"),
    "conv@k_cycles=20@h_dim=10@l_dim=6": ("3x3 convolutions", "no"),
    "attention@k_cycles=20@h_dim=12@l_dim=8": ("attention", "no"),
}
"""Recursions of two levels with one layer each."""
WALKERS: Mapping[str, tuple[str, str, str]] = {
    "trm_ppo": ("exact-cover core", "8 to 96 cycles of one layer", "yes"),
    "trm_ppo@k_cycles=20": ("exact-cover core", "20 cycles of one layer", "yes"),
    f"trm_ppo@k_cycles=20{_SMALL}": ("exact-cover core", "20 cycles of one layer", "yes"),
    f"trm_ppo@k_cycles=20@maxima=0.5{_SMALL}": ("exact-cover core, half maxima", "20 cycles of one layer", "yes"),
    **{
        f"trm_ppo@mixer={words}@n_h_layers=1{_SMALL}": (network, "20 cycles of two layers", symmetric)
        for words, (network, symmetric) in _RECURSIONS.items()
    },
    _SUMS + _SMALL: ("sums over neighbours", "20 layers", "yes"),
    f"trm_ppo@mixer=conv@k_cycles=1@n_h_layers=20@h_dim=3@l_dim=1{_SMALL}": ("residual CNN", "20 layers", "no"),
    **{name: ("residual CNN", "4 layers", "no") for name in (_CNN, _CNN + _SMALL)},
    _MLP: ("MLP", "2 layers", "no"),
}
"""Line of `walk-7x7` -> its network, its depth, and whether it is symmetric."""
DEPTHS: Mapping[str, str] = {
    "trm_ppo@k_cycles=20": "trained at 20 cycles",
    "trm_ppo": "at 8 to 96, gradients through 12",
}
"""Line of `walk-7x7` -> the cycles that it was trained at."""
SIZES: Mapping[str, tuple[str, int]] = {
    WALK: ("trm_ppo@k_cycles=20", 40),
    "walk-9x9": ("trm_ppo@k_cycles=32", 64),
}
"""Suite of walks -> the line of one depth that has rows there, and twice its cycles."""
LARGER: Mapping[str, str] = {"walk-15x15-from-9x9": "9x9 alone", "walk-15x15": "9x9, then 15x15"}
"""Suite of 15x15 walks -> the mazes that its policies are trained on."""
CYCLES_IN_TRAINING: Mapping[str, str] = {"trm_ppo@k_cycles=32": "32", "trm_ppo": "8 to 96"}
"""Line of such a suite -> the cycles that it was trained at."""
HEARD: Sequence[tuple[str, str]] = (
    (WALK, f"trm_ppo@k_cycles=20{_SMALL}"),
    (WALK, f"trm_ppo@k_cycles=20@maxima=0.5{_SMALL}"),
    *(
        (suite, f"trm_ppo@k_cycles=32{maxima}")
        for suite in ("walk-9x9", "walk-15x15-from-9x9")
        for maxima in ("", "@maxima=0.5")
    ),
)
"""Suites and lines of one depth whose cells hear sums over their neighbours, or maxima in half of the channels."""
TRAINED_AT = (1, 2, 3, 5, 10, 20)
PATH_SIDE = 9
"""Of the mazes that path networks are trained and scored on, by cycles in training."""
HEADS = (
    "env steps",
    "network",
    "depth",
    "symmetric",
    "weights",
    "solved",
    "95 % interval",
    "solved, sampled",
    "seeds",
    "line",
)
CLAIM_HEADS = (
    "description",
    "task",
    "network",
    "claimed",
    "measured",
    "on a shortest walk",
    "weights claimed",
    "weights here",
)
OPEN = "open-walk-5x5"
_OPEN_BEST = "trm_reinforce@deep_supervision=true@learning_rate=1e-3@ent_coef=0.0"
ON_THE_OPEN: Mapping[str, str] = {
    "reinforce": "MLP",
    _OPEN_BEST: "recursive, K = 3, deep supervision, half the rate, no entropy bonus",
    f"{_OPEN_BEST}@k_cycles=5": "recursive, K = 5, deep supervision, half the rate, no entropy bonus",
    "trm_reinforce@deep_supervision=true@learning_rate=5e-4": "recursive, K = 3, deep supervision, smaller steps",
    "trm_reinforce@deep_supervision=true@learning_rate=5e-4@k_cycles=5": (
        "recursive, K = 5, deep supervision, smaller steps"
    ),
    "trm_reinforce@deep_supervision=true": "recursive, K = 3, deep supervision",
    "trm_reinforce@deep_supervision=true@k_cycles=5": "recursive, K = 5, deep supervision",
    "trm_reinforce@n_h_layers=1": "recursive, K = 3, one H layer",
    "trm_reinforce@n_h_layers=1@k_cycles=5": "recursive, K = 5, one H layer",
}
"""Line of `open-walk-5x5` -> its policy."""
SHORTEST = 8
"""Moves of a shortest walk from corner to corner of 5x5."""


def open_maze(folder: Path) -> str:
    """In how many runs the greedy policy walks a shortest way."""
    rows = []
    for algo, policy in ON_THE_OPEN.items():
        weights = runs(algo, folder)[0].parameters
        rows.append([policy, f"{weights:,}", shortest_walks(algo, folder), f"`{algo}`"])
    return tables.markdown(["policy", "weights", "runs on a shortest walk", "line"], rows)


def runs(algo: str, folder: Path) -> list[ResultRow]:
    """Those of a line of the open maze."""
    return [row for row in published(ResultRow, folder) if (row.suite, row.algo) == (OPEN, algo)]


def shortest_walks(algo: str, folder: Path) -> str:
    """How many of them walk a shortest way."""
    mine = runs(algo, folder)
    return f"{sum(row.edits == SHORTEST for row in mine)} of {len(mine)}"


def lines(folder: Path, suite: str = WALK) -> list[Summary]:
    """Trained policies of a suite of walks, from best to worst."""
    return summarise(row for row in published(ResultRow, folder) if row.suite == suite and row.kind != "line")


def networks(folder: Path) -> str:
    """What each network solves, the longest runs first."""
    found = sorted((line for line in lines(folder) if line.algo in WALKERS), key=lambda line: -line.steps)
    return tables.markdown(HEADS, [_cells(line) for line in found])


def _cells(line: Summary) -> list[str]:
    sampled = "" if line.sampled is None else tables.percent(line.sampled.mean)
    solved = [tables.percent(line.success.mean), tables.span(line.success), sampled]
    told = [tables.count(line.steps), *WALKERS[line.algo], f"{line.parameters:,}"]
    return [*told, *solved, str(line.seeds), f"`{line.algo}`"]


def by_cycles(folder: Path, algo: str, suite: str = WALK) -> dict[int, Summary]:
    """Number of cycles -> what the models of a line solve with as many."""
    mine = [line for line in lines(folder, suite) if named(line.algo).method == algo]
    return {named(line.algo).budget or k_cycles(algo): line for line in mine}


def k_cycles(algo: str) -> int:
    """Cycles of a policy where it is not asked for others."""
    walking = method(algo).walking
    assert walking is not None
    return int(walking.words["k_cycles"])


def cycles(folder: Path) -> str:
    """What they solve at each number of cycles."""
    found = [by_cycles(folder, algo) for algo in DEPTHS]
    rows = [
        [str(count), *(tables.rate(each[count].success) if count in each else "" for each in found)]
        for count in sorted(set().union(*found))
    ]
    return tables.markdown(["cycles", *DEPTHS.values()], rows)


def sizes(folder: Path) -> str:
    """What policies of one depth solve in mazes of each size, with their own cycles and with twice as many."""
    rows = []
    for suite, (algo, twice) in SIZES.items():
        here = {line.algo: line for line in lines(folder, suite)}
        line = here[algo]
        told = [f"{line.parameters:,}", tables.count(line.steps), str(line.seeds)]
        both = [tables.rate(one.success) for one in (line, here[f"{algo}+cycles={twice}"])]
        rows.append([suite, str(k_cycles(algo)), *told, *both, f"`{algo}`"])
    return tables.markdown(["suite", "cycles", "weights", "env steps", "seeds", "solved", "at twice", "line"], rows)


def larger(folder: Path) -> str:
    """What policies solve in mazes that are larger than the first ones of their training, by cycles at test time."""
    rows = []
    for suite, mazes in LARGER.items():
        for algo, trained in CYCLES_IN_TRAINING.items():
            for count, line in sorted(by_cycles(folder, algo, suite).items()):
                sampled = "" if line.sampled is None else tables.percent(line.sampled.mean)
                told = [mazes, tables.count(line.steps), trained, str(count)]
                rows.append([*told, tables.rate(line.success), sampled, str(line.seeds), f"`{line.algo}`"])
    heads = [
        "trained on",
        "env steps",
        "cycles in training",
        "at test time",
        "solved",
        "solved, sampled",
        "seeds",
        "line",
    ]
    return tables.markdown(heads, rows)


def heard(algo: str) -> str:
    """What a cell hears of its neighbours."""
    return "sums and maxima" if "@maxima=" in algo else "sums"


def maxima(folder: Path) -> str:
    """What policies solve whose cells hear sums, or sums and maxima, by cycles at test time."""
    rows = []
    for suite, algo in HEARD:
        for count, line in sorted(by_cycles(folder, algo, suite).items()):
            if count >= k_cycles(algo):
                told = [suite, tables.count(line.steps), heard(algo), str(count)]
                rows.append([*told, tables.rate(line.success), str(line.seeds), f"`{line.algo}`"])
    return tables.markdown(["suite", "env steps", "a cell hears", "cycles", "solved", "seeds", "line"], rows)


def training(folder: Path) -> str:
    """What policies and path networks solve by how many cycles they were trained at."""
    walks, paths, rows = {line.algo: line for line in lines(folder)}, Scores(folder), []
    for count in TRAINED_AT:
        walk, network = walks[f"trm_ppo@k_cycles={count}"], f"cold-{count}"
        marked = [paths.rate(network, PATH_SIDE, cycles) for cycles in (str(count), "20")]
        rows.append([str(count), tables.rate(walk.success), str(walk.seeds), *marked, paths.seeds(network)])
    heads = ["K in training", f"{WALK}, K cycles", "seeds", "paths, K cycles", "paths, 20 cycles", "seeds"]
    return tables.markdown(heads, rows)


FIGURES: Mapping[str, tuple[str, Mapping[tuple[str, str], str]]] = {
    "recursion-cycles.png": (WALK, {(WALK, algo): label for algo, label in DEPTHS.items()}),
    "recursion-maxima.png": (
        "Trained on 9x9 at 32 cycles",
        {(suite, algo): f"{suite.split('-')[1]}, {heard(algo)}" for suite, algo in HEARD if suite != WALK},
    ),
}
"""Name of a figure -> what it is about, and the labels of suites and lines."""
COLOURS = ("#1b7f9c", "#d98324", "#6a4c93", "#2f9e6e")


def figure(name: str, folder: Path) -> bytes:
    """Success against cycles at test time."""
    # matplotlib takes a second to import.
    from matplotlib.figure import Figure

    from benchmarks.reporting import plots

    about, curves = FIGURES[name]
    drawn = Figure(figsize=(6.4, 3.8), layout="constrained")
    axes = drawn.add_subplot()
    for ((suite, algo), label), colour in zip(curves.items(), COLOURS, strict=False):
        found = sorted(by_cycles(folder, algo, suite).items())
        x = [count for count, _ in found]
        mean, low, high = ([100 * line.success[i] for _, line in found] for i in range(3))
        axes.fill_between(x, low, high, alpha=0.18, linewidth=0, color=colour)
        axes.plot(x, mean, marker="o", label=label, color=colour)
    axes.set_xscale("log", base=2)
    axes.set_ylim(-3, 103)
    plots.style(axes, "cycles at test time", f"{about}: test mazes, 95 % intervals over seeds", "mazes solved, %")
    least, most = axes.get_xlim()
    ticks = [count for count in (5, 10, 20, 32, 64, 96, 128) if least <= count <= most]
    axes.set_xticks(ticks, [str(count) for count in ticks])
    axes.minorticks_off()
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    return plots.as_png(drawn)


class Claimed(NamedTuple):
    """What a description says of one network, and what stands beside it here."""

    description: str
    """Which of the two: `first` or `second`."""
    task: str
    network: str
    claimed: str
    """Success, as it is written there."""
    weights: str
    """The same of the number of weights."""
    line: str
    """Line of `open-walk-5x5` that does the same; empty where there is none."""
    task_is: str
    """What is wrong with the task, where it is; found by running it."""


def claimed(file: Path = CLAIMED) -> list[Claimed]:
    """The claims, in the order of the file."""
    return [Claimed(**values) for values in json.loads(file.read_text(encoding="utf-8"))]


def beside(folder: Path) -> str:
    """Claimed beside measured."""
    measured = {line.algo: line for line in summarise(row for row in published(ResultRow, folder) if row.suite == OPEN)}
    rows = []
    for claim in claimed():
        here = ["", "", ""]
        if claim.line:
            line = measured[claim.line]
            here = [tables.rate(line.success), shortest_walks(claim.line, folder), f"{line.parameters:,}"]
        task = f"{claim.task}: {claim.task_is}" if claim.task_is else claim.task
        told = [claim.description, task, claim.network, claim.claimed]
        rows.append([*told, *here[:2], claim.weights, here[2]])
    return tables.markdown(CLAIM_HEADS, rows)


TABLES: Mapping[str, Callable[[Path], str]] = {
    "recursion:networks": networks,
    "recursion:cycles": cycles,
    "recursion:sizes": sizes,
    "recursion:larger": larger,
    "recursion:maxima": maxima,
    "recursion:training": training,
    "recursion:open": open_maze,
    "recursion:claimed": beside,
}
"""Name of a marked table -> what makes it from a folder of published rows."""


if __name__ == "__main__":
    for name in FIGURES:
        write_atomically(IMAGES / name, figure(name, PUBLISHED))
