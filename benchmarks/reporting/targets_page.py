"""The page of targets: the same network, schedule, states and budget; what the edits' labels say differs alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.protocol.rows import ResultRow
from benchmarks.reporting import arms


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
    "upi_trm-violations": Target(
        "violations", "nothing: shares of symbols are to violate no constraint, as in ConsFormer"
    ),
    _REFUSALS: Target("checker alone", "which edits the checker refuses at once, and nothing else"),
}
"""Method -> its target."""
FEWEST = 3
"""Targets that a table has at least."""


def content(rows: Sequence[ResultRow]) -> list[dict[str, Any]]:
    """What the template says, a part for each suite and budget that compares targets."""
    return arms.content(rows, {method: target.name for method, target in TARGETS.items()}, "target", FEWEST)
