"""What the method is meant to reach, as data, and whether published rows say that it does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.protocol.rows import ComputeRow, ResultRow
from benchmarks.protocol.stats import Interval, wilson_interval
from benchmarks.reporting.summary import success_on, summarise

Status = Literal["reached", "not reached", "not run yet"]


class Target(NamedTuple):
    """Success on a suite's test pool that training for so many environment steps is to give."""

    suite: str
    steps: int
    success: float
    part: str = "all"
    """Which test puzzles count: all, or one of `shipped.PARTS`."""
    calls: int = 0
    """Network calls that a search of all test puzzles may make on each; 0 = greedy play, mean over seeds."""
    algo: str = "upi_trm"

    @property
    def what(self) -> str:
        """What is scored, in words."""
        return f"{self.calls} network calls" if self.calls else "greedy" if self.part == "all" else self.part


TARGETS = (
    Target("sudoku-4x4-hard", 20_000, 0.99),
    Target("sudoku-4x4-minimal", 50_000, 0.95),
    Target("sudoku-4x4-minimal", 50_000, 0.995),
    Target("sudoku-9x9", 100_000, 0.90),
    Target("sudoku-9x9", 1_000_000, 0.99),
    Target("sudoku-9x9", 1_000_000, 0.95, "beyond singles"),
    Target("sudoku-9x9-minimal", 2_000_000, 0.95),
    Target("sudoku-9x9-hard", 3_000_000, 0.85),
    Target("sudoku-9x9-hard", 3_000_000, 0.98, calls=200),
    Target("sudoku-16x16", 200_000, 0.80),
    # The checker's advice has to last until there.
    Target("sudoku-16x16-from-9x9", 200_000, 0.80, algo="upi_trm@prior_steps=80000"),
    Target("maze-9x9", 200_000, 0.99, "perfect"),
    Target("maze-9x9", 200_000, 0.99, "braided"),
    Target("maze-15x15", 500_000, 0.95),
    Target("maze-15x15-from-9x9", 500_000, 0.95),
    Target("sudoku-4x4-hard", 1_000_000, 0.99, algo="upi_trm-certified"),
    Target("sudoku-4x4-minimal", 1_000_000, 0.95, algo="upi_trm-certified"),
    Target("sudoku-9x9", 1_000_000, 0.90, algo="upi_trm-certified"),
)


class Measured(NamedTuple):
    """Success after so many environment steps of training."""

    steps: int
    success: Interval
    by: str
    """`5 seeds`, or the agent that guided the search."""

    @property
    def seeds(self) -> int:
        """Agents behind it."""
        return self.success.n if self.success.kind == "t" else 1


class Verdict(NamedTuple):
    """A target and what is known of it."""

    target: Target
    measured: Measured | None
    """Of training within the target's budget the longest, but not where fewer seeds got as far."""
    status: Status


def judge(target: Target, known: Iterable[Measured]) -> Verdict:
    """Compare a target with the longest training that its budget allows and most seeds have.

    A shorter training that reaches the target reaches it; one that does not says nothing of the whole budget.
    """
    within = [one for one in known if one.steps <= target.steps]
    if not within:
        return Verdict(target, None, "not run yet")
    longest = max(within, key=lambda one: (one.seeds, one.steps, one.success.mean))
    if longest.success.mean >= target.success:
        return Verdict(target, longest, "reached")
    return Verdict(target, longest, "not reached" if longest.steps == target.steps else "not run yet")


def greedy(target: Target, rows: Sequence[ResultRow], parts: Mapping[str, NDArray[np.bool_]]) -> list[Measured]:
    """Success of greedy play at every budget that rows were published for.

    Args:
        target: for its suite, method and part.
        rows: published results.
        parts: which test puzzles are of which part, shape (n,) each.

    Raises:
        ValueError: the target asks for a part of which the suite has no puzzles.
    """
    mine = [row for row in rows if (row.suite, row.algo) == (target.suite, target.algo)]
    chosen = parts.get(target.part)
    if mine and target.part != "all" and (chosen is None or not chosen.any()):
        raise ValueError(f"target {target.what} on {target.suite}: the suite has no test puzzles {target.part}")
    return [
        Measured(
            line.steps,
            line.success if target.part == "all" or chosen is None else success_on(mine, line, chosen),
            "1 seed" if line.seeds == 1 else f"{line.seeds} seeds",
        )
        for line in summarise(mine)
    ]


def searched(target: Target, rows: Sequence[ComputeRow], agents: Mapping[str, int], n: int) -> list[Measured]:
    """Success of searches of the whole test pool, guided by agents of which the environment steps are known.

    Args:
        target: for its suite, method and network calls.
        rows: published compute rows.
        agents: file name of an agent -> environment steps of its training.
        n: puzzles of the whole test pool.
    """
    return [
        Measured(agents[row.guide], wilson_interval(row.solved, row.n), row.guide.removesuffix(".zip"))
        for row in rows
        if (row.suite, row.algo, row.budget, row.n) == (target.suite, target.algo, target.calls, n)
        and row.guide in agents
    ]
