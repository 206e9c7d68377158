"""Rows of one method on one suite, drawn together: the lines of every table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby, takewhile
from math import inf
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from baselines import Method, known_to, row_of
from benchmarks.protocol.control import After, unpacked
from benchmarks.protocol.rows import ControlRow, CurveRow, Kind, ResultRow, ShortestRow
from benchmarks.protocol.stats import Interval, Paired, paired_difference, success_interval, t_interval
from benchmarks.protocol.suites import SUITES


class MeanAfter(NamedTuple):
    """What plans are worth after so many edits, the mean over seeds."""

    edits: int
    within: float
    """Share of states within 1 % of the reference optimum."""
    mean: float | None
    """Mean of J / J* - 1 over states; None where a seed has none, here and in the next two."""
    median: float | None
    p95: float | None


@dataclass(frozen=True)
class Summary:
    """A method on a suite after some number of environment steps, over its seeds."""

    suite: str
    algo: str
    kind: Kind
    legal_actions: str
    steps: int
    seeds: int
    n: int
    """Test puzzles, the same for every seed."""
    success: Interval
    sampled: Interval | None
    """Success with sampled actions; None where the agent has no such mode or there is one seed."""
    exact: float | None
    """Share of mazes solved by the one path that exact match asks for; None where nobody counted."""
    edits: float
    network_calls: float | None
    """Passes of the network on a puzzle; None where a row does not say, here and in the next two."""
    inner_steps: float | None
    checks: float | None
    env_steps: float
    model_queries: float
    gradient_steps: float
    parameters: int
    wall_s: float

    @property
    def is_reference(self) -> bool:
        """Whether it is a floor or ceiling, not a contestant."""
        return self.kind == "line" or is_reference(self.algo)

    @property
    def ours(self) -> bool:
        """Whether it is one of the project's own methods, its references included."""
        row = row_of(self.algo)
        return isinstance(row, Method) and row.family != "baseline"

    @property
    def learns_values(self) -> bool:
        """Whether it is a row of the published method as it is: what it learns beside is a value."""
        row = row_of(self.algo)
        return isinstance(row, Method) and row.family == "upi" and row.name == self.algo and not self.is_reference

    @property
    def is_compared(self) -> bool:
        """Whether it is a reference that tables show the best contestant's difference to."""
        row = row_of(self.algo)
        return row is not None and row.compared

    @property
    def knows(self) -> str:
        """What the method is given beside observations and rewards, in words; empty for a foreign one."""
        known = known_to(self.algo, SUITES[self.suite].env_kwargs if self.suite in SUITES else {})
        return "" if known is None else ", ".join(known) or "nothing"

    def as_json(self) -> dict[str, Any]:
        """One flat object; costs are means over seeds."""
        flat = asdict(self)
        interval, sampled = flat.pop("success"), flat.pop("sampled")
        flat |= {"mean": interval[0], "lo": interval[1], "hi": interval[2], "interval": interval[4]}
        return flat | {"mean_sampled": None if sampled is None else sampled[0]}


@dataclass(frozen=True)
class ControlSummary(Summary):
    """A method on a system; success is the share of states within 1 % of the reference optimum."""

    trained_env: str
    simulated_steps: float
    """Control steps that training has simulated."""
    feasible: float
    """Share of states whose plan keeps every hard constraint."""
    reached: float
    """Share of states whose plan also ends at the target."""
    violation: float
    """The worst of any state and seed, in tolerances."""
    gap_mean: float | None
    """Mean of J / J* - 1 over states; None where a seed has none, here and in the next three."""
    gap_interval: Interval | None
    """Of that mean over seeds; None where there is one."""
    gap_median: float | None
    gap_p95: float | None
    by_edits: tuple[MeanAfter, ...]
    """After 1, 2, ... edits."""
    simulations: float | None
    ms_1: float
    """Median over seeds, as the next one."""
    ms_256: float

    def as_json(self) -> dict[str, Any]:
        """One flat object, as of puzzles, with what plans are worth after fewer edits."""
        flat = super().as_json()
        gap = flat.pop("gap_interval")
        ends = {"gap_lo": None, "gap_hi": None} if gap is None else {"gap_lo": gap[1], "gap_hi": gap[2]}
        return flat | ends | {"by_edits": [one._asdict() for one in self.by_edits]}


def is_reference(algo: str) -> bool:
    """Whether a trained method is a floor, by its row."""
    row = row_of(algo)
    return row is not None and row.role == "reference"


def summarise(rows: Iterable[ResultRow]) -> list[Summary]:
    """One summary a (suite, algorithm, steps): contestants from best to worst, then reference lines.

    Of contestants that solve as many with greedy actions the one that solves more with sampled ones is better, and of
    those on a system the one with the smaller mean gap.

    Raises:
        ValueError: rows to be drawn together were scored on different pools or levels.
    """
    ordered = sorted(rows, key=lambda row: (row.suite, row.algo, row.steps, row.seed))
    lines = [_summary(list(group)) for _, group in groupby(ordered, key=lambda row: (row.suite, row.algo, row.steps))]
    return sorted(lines, key=_place)


def _place(line: Summary) -> tuple[str, bool, int, float, float, float, str, int]:
    row = row_of(line.algo)
    order = row.order if line.is_reference and row is not None else 0
    sampled = line.sampled.mean if line.sampled else 0.0
    gap = line.gap_mean if isinstance(line, ControlSummary) and line.gap_mean is not None else inf
    return line.suite, line.is_reference, order, -line.success.mean, -sampled, gap, line.algo, line.steps


def _summary(rows: Sequence[ResultRow]) -> Summary:
    first = rows[0]
    for row in rows:
        if (row.pool_sha256, row.legal_actions) != (first.pool_sha256, first.legal_actions):
            raise ValueError(
                f"{row.suite} {row.algo}: seeds {first.seed} and {row.seed} were scored on different pools or at "
                "different legal-action levels, so they cannot be averaged; run them again"
            )
    sampled = [row.success_sampled for row in rows if row.success_sampled is not None]
    facts: dict[str, Any] = dict(
        suite=first.suite,
        algo=first.algo,
        kind=first.kind,
        legal_actions=first.legal_actions,
        steps=first.steps,
        seeds=len(rows),
        n=first.n,
        success=success_interval([row.solved for row in rows], first.n),
        sampled=t_interval(sampled).within(0.0, 1.0) if len(sampled) == len(rows) > 1 else None,
        exact=_counted([row.exact if isinstance(row, ShortestRow) else None for row in rows], first.n),
        edits=_mean([row.edits for row in rows]),
        network_calls=_counted([row.network_calls for row in rows]),
        inner_steps=_counted([row.inner_steps for row in rows]),
        checks=_counted([row.checks for row in rows]),
        env_steps=_mean([row.env_steps for row in rows]),
        model_queries=_mean([row.model_queries for row in rows]),
        gradient_steps=_mean([row.gradient_steps for row in rows]),
        parameters=first.parameters,
        wall_s=_mean([row.wall_s for row in rows]),
    )
    plans = [row for row in rows if isinstance(row, ControlRow)]
    return ControlSummary(**facts, **_of_plans(plans)) if plans else Summary(**facts)


def _of_plans(rows: Sequence[ControlRow]) -> dict[str, Any]:
    """What is said of systems alone."""
    first = rows[0]
    means = [row.gap_mean for row in rows if row.gap_mean is not None]
    return {
        "trained_env": first.trained_env,
        "simulated_steps": _mean([row.simulated_steps for row in rows]),
        "feasible": _mean([row.feasible / row.n for row in rows]),
        "reached": _mean([row.reached / row.n for row in rows]),
        "violation": max(row.violation for row in rows),
        "gap_mean": _counted([row.gap_mean for row in rows]),
        "gap_interval": t_interval(means) if len(means) == len(rows) > 1 else None,
        "gap_median": _counted([row.gap_median for row in rows]),
        "gap_p95": _counted([row.gap_p95 for row in rows]),
        "by_edits": _after([unpacked(row.by_edits) for row in rows], first.n),
        "simulations": _counted([row.simulations for row in rows]),
        "ms_1": median(row.ms_1 for row in rows),
        "ms_256": median(row.ms_256 for row in rows),
    }


def _after(seeds: Sequence[Sequence[After]], n: int) -> tuple[MeanAfter, ...]:
    """Means over seeds after every number of edits."""
    return tuple(
        MeanAfter(
            column[0].edits,
            _mean([one.within / n for one in column]),
            *(_counted(list(values)) for values in zip(*(one[2:] for one in column), strict=True)),
        )
        for column in zip(*seeds, strict=True)
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _counted(values: Sequence[float | None], of: int = 1) -> float | None:
    """The mean as a share of `of`, where every row has a value."""
    known = [value for value in values if value is not None]
    return _mean(known) / of if len(known) == len(values) else None


def solved_by(rows: Iterable[ResultRow], line: Summary) -> dict[int, NDArray[np.bool_]]:
    """Seed -> which test puzzles were solved, of the rows that a summary was drawn from."""
    key = (line.suite, line.algo, line.steps)
    return {row.seed: row.solved_mask for row in rows if (row.suite, row.algo, row.steps) == key}


def success_on(rows: Iterable[ResultRow], line: Summary, chosen: NDArray[np.bool_]) -> Interval:
    """Success on some of the test puzzles only.

    Args:
        rows: those that the summary was drawn from may be among others.
        line: the summary.
        chosen: which puzzles count, shape (n,), at least one.
    """
    solved = [int(mask[chosen].sum()) for mask in solved_by(rows, line).values()]
    return success_interval(solved, int(chosen.sum()))


def difference(rows: Sequence[ResultRow], a: Summary, b: Summary) -> Paired:
    """Success of A minus success of B on the same puzzles, from the rows that both were drawn from."""
    return paired_difference(solved_by(rows, a), solved_by(rows, b))


class Lasting(NamedTuple):
    """When learning curves of several seeds reach their maximum, and what becomes of them."""

    n: int
    """Validation puzzles that each point was measured on."""
    first: tuple[int, int]
    """Environment steps at the first point that is the curve's highest: fewest and most of all seeds."""
    highest: tuple[float, float]
    """Success there: lowest and highest of all seeds."""
    lowest: float
    """The lowest success of any seed from there on."""
    held: float
    """Environment steps of the last point before success falls over those of the first highest: least of all seeds."""
    times: float
    """The last point's over those of the first highest, in the same way."""


def lasting(points: Iterable[CurveRow]) -> Lasting | None:
    """Learning curves of one method at one budget; None where a curve has fewer than two points, or there is none."""
    ordered = sorted(points, key=lambda point: (point.seed, point.env_steps))
    curves = [list(group) for _, group in groupby(ordered, key=lambda point: point.seed)]
    if not curves or min(map(len, curves)) < 2:
        return None
    found = [_stay(curve) for curve in curves]
    steps, success = [stay.top.env_steps for stay in found], [stay.top.success for stay in found]
    return Lasting(
        n=found[0].top.n,
        first=(min(steps), max(steps)),
        highest=(min(success), max(success)),
        lowest=min(point.success for stay in found for point in stay.later),
        held=min(stay.last.env_steps / stay.top.env_steps for stay in found),
        times=min(stay.later[-1].env_steps / stay.top.env_steps for stay in found),
    )


class _Stay(NamedTuple):
    """A learning curve from its maximum on."""

    top: CurveRow
    """The first point that is the highest."""
    last: CurveRow
    """The last point before success falls."""
    later: list[CurveRow]
    """All points from the first highest on."""


def _stay(curve: Sequence[CurveRow]) -> _Stay:
    top = max(curve, key=lambda point: point.success)
    later = [point for point in curve if point.env_steps >= top.env_steps]
    return _Stay(top, [*takewhile(lambda point: point.success == top.success, later)][-1], later)


def against(rows: Sequence[ResultRow], lines: Sequence[Summary], one: Summary) -> list[tuple[Summary, Summary, Paired]]:
    """A line of one suite, every other line on the same puzzles, and the difference of the two.

    There are none where the suite has one puzzle: no spread over puzzles can be told.
    """
    if one.n < 2:
        return []
    return [(one, other, difference(rows, one, other)) for other in lines if other is not one and other.n == one.n]
