"""The page of targets: the same network, schedule, states and budget; what the edits' labels say differs alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from benchmarks.protocol.names import named
from benchmarks.protocol.rows import ResultRow
from benchmarks.protocol.suites import SUITES
from benchmarks.reporting import tables
from benchmarks.reporting.summary import Summary, summarise


class Target(NamedTuple):
    """What the labels of one method say."""

    name: str
    labels: str


_SURVIVAL = "upi_trm-survival"
_REFUSALS = f"{_SURVIVAL}@target.rounds=0@target.successors=0@target.bounds=false"
TARGETS: Mapping[str, Target] = {
    _SURVIVAL: Target("survival", "backups over constraints: the bound, forced edits and successors"),
    f"{_SURVIVAL}@target.anchored=solved": Target(
        "survival, no promise", "as survival; only instances that the agent has solved are held to be solvable"
    ),
    f"{_SURVIVAL}@target.rounds=0@target.bounds=false@target.over=edits": Target(
        "temporal difference", "the value of the best edit of the successor"
    ),
    f"{_REFUSALS}@target.own_plans=true": Target(
        "hindsight", "whether the agent's own solved plan has the edit, on instances that it has solved"
    ),
    "upi_trm-outcome": Target("Monte Carlo", "whether the episode ended solved, for the edit taken"),
    "upi_trm-outcome@target.steps=8": Target("8-step", "the expected value 8 steps later, for the edit taken"),
    "upi_trm-cost_to_go": Target("cost-to-go", "temporal difference on the number of edits still to go"),
    _REFUSALS: Target("checker alone", "which edits the checker refuses at once, and nothing else"),
}
"""Method -> its target."""
SPENT = ("network calls", "inner steps", "checks")
"""Heads of the columns of what a puzzle costs at test time."""
FEWEST = 3
"""Targets that a table has at least."""


class _Arm(NamedTuple):
    policy: Summary
    solvers: Sequence[Summary]
    """The same models with attempts."""


def content(rows: Sequence[ResultRow]) -> list[dict[str, Any]]:
    """What the template says, a part for each suite and budget that compares targets."""
    lines = [line for line in summarise(rows) if named(line.algo).method in TARGETS and line.suite in SUITES]
    ordered = sorted(lines, key=lambda line: (list(SUITES).index(line.suite), line.steps))
    out = []
    for (suite, steps), group in groupby(ordered, key=lambda line: (line.suite, line.steps)):
        arms = _arms(list(group))
        if len(arms) >= FEWEST:
            facts = {"suite": suite, "steps": f"{steps:,}", "n": arms[0].policy.n}
            out.append({**facts, "table": tables.markdown(*_table(arms))})
    return out


def _arms(lines: Sequence[Summary]) -> list[_Arm]:
    """From best to worst policy, as `lines` are."""
    policies = [line for line in lines if named(line.algo).solver is None]
    return [_Arm(one, [line for line in lines if _attempts_of(one, line)]) for one in policies]


def _attempts_of(policy: Summary, line: Summary) -> bool:
    name = named(line.algo)
    return name.method == policy.algo and name.solver == "attempts"


def _table(arms: Sequence[_Arm]) -> tuple[list[str], list[list[str]]]:
    budgets = sorted({named(line.algo).budget for arm in arms for line in arm.solvers})
    heads = ["target", "knows", "policy alone", *SPENT]
    for budget in budgets:
        heads += [f"{budget} attempts", *SPENT]
    return [*heads, "seeds"], [_row(arm, budgets) for arm in arms]


def _row(arm: _Arm, budgets: Sequence[int]) -> list[str]:
    by_budget = {named(line.algo).budget: _cells(line) for line in arm.solvers}
    empty = [""] * (1 + len(SPENT))
    attempts = [cell for budget in budgets for cell in by_budget.get(budget, empty)]
    return [TARGETS[arm.policy.algo].name, arm.policy.knows, *_cells(arm.policy), *attempts, str(arm.policy.seeds)]


def _cells(line: Summary) -> list[str]:
    """Success, and what it cost at test time."""
    columns = {column.head: column for column in tables.COLUMNS}
    return [tables.rate(line.success), *(columns[head].cell(line) for head in SPENT)]
