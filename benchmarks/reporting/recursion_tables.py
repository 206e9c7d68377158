"""Tables of docs/recursion.md, and its figures, which `python -m benchmarks.reporting.recursion_tables` draws."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from baselines import SPACES, method
from baselines.variants import parsed
from baselines.walking import GRADIENT_CYCLES, K_CYCLES
from benchmarks.protocol.names import named
from benchmarks.protocol.provenance import ROOT
from benchmarks.protocol.published import PUBLISHED, published
from benchmarks.protocol.records import write_atomically
from benchmarks.protocol.rows import ResultRow, TuningRow
from benchmarks.protocol.suites import suite as suite_named
from benchmarks.protocol.trials import Trial, trials
from benchmarks.reporting import open_maze_tables, tables
from benchmarks.reporting.path_tables import Scores
from benchmarks.reporting.summary import Summary, summarise

IMAGES = ROOT / "docs" / "images"
WALK = "walk-7x7"
SHORT = 120_000
"""Environment steps of its short runs."""
_SMALL = "@n_steps=16@batch_size=256@ent_coef=0.01@learning_rate=[4e-3,3e-4]"
"""What the short runs begin with."""
_DEEP = "trm_ppo@k_cycles=64@gradient_cycles=16@maxima=0.5"
NETWORKS: Mapping[str, tuple[str, str, str]] = {
    "trm_ppo": ("exact-cover core", "8 to 96 cycles of one layer", "yes"),
    "trm_ppo@k_cycles=20": ("exact-cover core", "20 cycles of one layer", "yes"),
    "trm_ppo@k_cycles=20@maxima=0.5": ("exact-cover core, half maxima", "20 cycles of one layer", "yes"),
    _DEEP: ("exact-cover core, half maxima", "64 cycles of one layer, the last 16 learned from", "yes"),
    "trm_ppo@mixer=neighbours@k_cycles=20@h_dim=12@l_dim=8@n_h_layers=1": (
        "sums over neighbours",
        "20 cycles of two layers",
        "yes",
    ),
    "trm_ppo@mixer=conv@k_cycles=20@h_dim=10@l_dim=6@n_h_layers=1": (
        "3x3 convolutions",
        "20 cycles of two layers",
        "no",
    ),
    "trm_ppo@mixer=attention@k_cycles=20@h_dim=12@l_dim=8@n_h_layers=1": ("attention", "20 cycles of two layers", "no"),
    "trm_ppo@mixer=neighbours@k_cycles=1@n_h_layers=20@h_dim=4@l_dim=1": ("sums over neighbours", "20 layers", "yes"),
    "trm_ppo@mixer=conv@k_cycles=1@n_h_layers=20@h_dim=3@l_dim=1": ("residual CNN", "20 layers", "no"),
    "trm_ppo@mixer=conv@k_cycles=1@n_h_layers=4@h_dim=6@l_dim=1": ("residual CNN", "4 layers", "no"),
    "ppo@policy_kwargs.net_arch=[4,4]": ("MLP", "2 layers", "no"),
}
"""Variant on `walk-7x7` -> its network, its depth, and whether it is symmetric; lines may have settings of PPO too."""
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
DEEP: Sequence[tuple[str, str]] = (
    (WALK, _DEEP + _SMALL),
    *((suite, "trm_ppo-deep") for suite in ("walk-9x9", "walk-15x15-from-9x9", "walk-15x15")),
)
"""Suites and lines of deep passes, of which the last cycles alone are learned from."""
TRAINED_AT = (1, 2, 3, 5, 10, 20)
PATH_SIDE = 9
"""Of the mazes that path networks are trained and scored on, by cycles in training."""
HEADS = (
    "env steps",
    "network",
    "depth",
    "symmetric",
    "tuned",
    "weights",
    "solved",
    "95 % interval",
    "solved, sampled",
    "seeds",
    "line",
)


def lines(folder: Path, suite: str = WALK) -> list[Summary]:
    """Trained policies of a suite of walks, from best to worst."""
    return summarise(row for row in published(ResultRow, folder) if row.suite == suite and row.kind != "line")


def networks(folder: Path) -> str:
    """What each network solves, the longest runs first."""
    found = sorted((line for line in lines(folder) if network_of(line.algo)), key=lambda line: -line.steps)
    won = {one.row.algo: one for one in trials(published(TuningRow, folder)) if one.used}
    return tables.markdown(HEADS, [_cells(line, won) for line in found])


def network_of(algo: str) -> str | None:
    """The variant, of `NETWORKS`, whose network a line trains, with settings of its own or without; None if none."""
    if named(algo).solver is not None:
        return None
    base, given = parsed(algo)
    for variant in NETWORKS:
        row, network = parsed(variant)
        same = row == base and network == {key: given[key] for key in network if key in given}
        if same and given.keys() - network <= settings_of(variant).keys():
            return variant
    return None


def settings_of(line: str) -> dict[str, Any]:
    """The settings that are tuned, as a line of the short runs has them."""
    base, given = parsed(line)
    start = SPACES[base].on(suite_named(WALK).env_id).start
    return {key: given.get(key, value) for key, value in start.items() if not key.startswith("policy_kwargs")}


def _cells(line: Summary, won: Mapping[str, Trial]) -> list[str]:
    network = network_of(line.algo)
    assert network is not None
    sampled = "" if line.sampled is None else tables.percent(line.sampled.mean)
    solved = [tables.percent(line.success.mean), tables.span(line.success), sampled]
    tuned = network in won and line.steps == SHORT and settings_of(line.algo) == json.loads(won[network].row.settings)
    told = [tables.count(line.steps), *NETWORKS[network], "yes" if tuned else "", f"{line.parameters:,}"]
    return [*told, *solved, str(line.seeds), f"`{line.algo}`"]


def by_cycles(folder: Path, algo: str, suite: str = WALK) -> dict[int, Summary]:
    """Number of cycles -> what the models of a line solve with as many."""
    mine = [line for line in lines(folder, suite) if named(line.algo).method == algo]
    return {cycles_of(line.algo): line for line in mine}


def cycles_of(algo: str) -> int:
    """Cycles of a line: those that it names after the `+`, or its policy's own."""
    name = named(algo)
    return name.budget or k_cycles(name.method)


def k_cycles(algo: str) -> int:
    """Cycles of a policy where it is not asked for others."""
    walking = method(algo).walking
    assert walking is not None
    return int(walking.words[K_CYCLES])


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


def deep(folder: Path) -> str:
    """What policies of deep passes solve, by cycles at test time."""
    rows = []
    for suite, algo in DEEP:
        walking = method(algo).walking
        assert walking is not None
        trained = [str(walking.words[word]) for word in (K_CYCLES, GRADIENT_CYCLES)]
        mine = [line for line in lines(folder, suite) if named(line.algo).method == algo]
        for line in sorted(mine, key=lambda line: (line.steps, cycles_of(line.algo))):
            solved = [tables.rate(line.success), str(line.seeds), f"`{line.algo}`"]
            rows.append([suite, tables.count(line.steps), *trained, str(cycles_of(line.algo)), *solved])
    heads = ["suite", "env steps", "cycles in training", "gradients through", "at test time", "solved", "seeds", "line"]
    return tables.markdown(heads, rows)


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


TABLES: Mapping[str, Callable[[Path], str]] = {
    "recursion:networks": networks,
    "recursion:cycles": cycles,
    "recursion:sizes": sizes,
    "recursion:larger": larger,
    "recursion:maxima": maxima,
    "recursion:deep": deep,
    "recursion:training": training,
    **open_maze_tables.TABLES,
}
"""Name of a marked table -> what makes it from a folder of published rows."""


if __name__ == "__main__":
    for name in FIGURES:
        write_atomically(IMAGES / name, figure(name, PUBLISHED))
