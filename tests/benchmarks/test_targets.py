"""What the methods are meant to reach, and whether published rows say that they do."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from benchmarks.protocol.suites import SUITES
from benchmarks.reporting.evidence import Evidence, read
from benchmarks.reporting.parts import parts
from benchmarks.reporting.summary import success_on, summarise


class Target(NamedTuple):
    """Success on a suite's whole test pool, mean over seeds, after so many environment steps or fewer."""

    suite: str
    steps: int
    success: float
    algo: str = "hindsight_trm"
    """A method; its policy or any of its solvers may reach the target."""
    part: str = "all"
    """Which test puzzles count: all, or one of `parts.PARTS`."""
    calls: int = 0
    """Network calls of a published search of the whole pool; 0: rows of results."""


CERTIFIED = "hindsight_trm-certified"
TARGETS = (
    Target("sudoku-4x4-hard", 20_000, 0.99),
    Target("sudoku-4x4-minimal", 50_000, 0.995),
    Target("sudoku-9x9", 100_000, 0.90),
    Target("sudoku-9x9", 1_000_000, 0.99),
    Target("sudoku-9x9", 1_000_000, 0.95, part="beyond singles"),
    Target("sudoku-9x9-minimal", 2_000_000, 0.95),
    Target("sudoku-9x9-hard", 3_000_000, 0.85),
    Target("sudoku-9x9-hard", 3_000_000, 0.98, calls=200),
    Target("sudoku-16x16", 200_000, 0.80),
    Target("sudoku-16x16-from-9x9", 200_000, 0.80, "hindsight_trm@checker_steps=80000"),
    Target("maze-9x9", 200_000, 0.99, part="perfect"),
    Target("maze-9x9", 200_000, 0.99, part="braided"),
    Target("maze-15x15", 500_000, 0.95),
    Target("maze-15x15-from-9x9", 500_000, 0.95),
    Target("sudoku-4x4-hard", 1_000_000, 0.99, CERTIFIED),
    Target("sudoku-4x4-minimal", 1_000_000, 0.95, CERTIFIED),
    Target("sudoku-9x9", 1_000_000, 0.90, CERTIFIED),
)
OPEN = {"maze-15x15-from-9x9"}
"""Suites whose target no published row reaches."""


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return read()


def measured(target: Target, evidence: Evidence) -> float:
    """The longest training within the budget, among those with the most seeds; of its lines the best."""
    if target.calls:
        n = len(evidence.pools[target.suite])
        found = (row for row in evidence.compute if (row.suite, row.budget, row.n) == (target.suite, target.calls, n))
        return max(row.success for row in found)
    rows = [row for row in evidence.results if row.suite == target.suite]
    lines = [
        line
        for line in summarise(rows)
        if line.algo.partition("+")[0] == target.algo and 0 < line.steps <= target.steps
    ]
    longest = max((line.seeds, line.steps) for line in lines)
    best = [line for line in lines if (line.seeds, line.steps) == longest]
    if target.part == "all":
        return max(line.success.mean for line in best)
    chosen = parts(target.suite, evidence.pools[target.suite])[target.part]
    return max(success_on(rows, line, chosen).mean for line in best)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: f"{target.algo} {target.suite} {target.steps}")
def test_published_rows_reach_the_target_unless_it_is_open(target, evidence):
    assert (measured(target, evidence) >= target.success) == (target.suite not in OPEN)


def test_targets_are_of_known_suites():
    assert {target.suite for target in TARGETS} <= SUITES.keys() and SUITES.keys() >= OPEN
