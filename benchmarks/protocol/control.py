"""Scoring plans of systems: how far above the reference optimum they are, after how many edits."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from baselines import Planner
from benchmarks.protocol.evaluation import BATCH, Result
from trm_envs.continuous.mdp import ControlEditMDP
from trm_envs.continuous.task import Numbers

EDITS = (1, 2, 3, 5, 10, 20)
"""After how many edits plans are scored; the last is the one that a row is about."""
WITHIN = 0.01
"""A state counts as solved where its plan is feasible and costs at most so much more than the optimum, as a share."""
REPEATS, ENOUGH_S = 5, 4.0
"""How often planning is timed, unless that takes longer than so many seconds."""


class ControlPool(NamedTuple):
    """A fixed set of first states, the MDP that plans for them are edited in, and what the best plans known cost."""

    mdp: ControlEditMDP
    instances: Numbers
    """Shape (n, size)."""
    optima: Numbers
    """J*, shape (n,)."""

    def chosen(self, rows: NDArray[np.int64]) -> ControlPool:
        """Some of the states."""
        return ControlPool(self.mdp, self.instances[rows], self.optima[rows])


class After(NamedTuple):
    """What plans are worth after so many edits; an infeasible plan counts as infinitely far above the optimum."""

    edits: int
    """0 where plans are not edited."""
    within: int
    """States whose plan is feasible and within `WITHIN` of J*."""
    mean: float | None
    """Mean of J / J* - 1; None where it is no number, here and in the next two."""
    median: float | None
    p95: float | None

    @classmethod
    def of(cls, edits: int, gaps: Numbers) -> After:
        """Of the gaps of all states, shape (n,); inf where a plan is infeasible."""
        # Order statistics without interpolation: one between a number and infinity would be neither.
        middle, high = np.quantile(gaps, (0.5, 0.95), method="higher")
        found = (float(value) if np.isfinite(value) else None for value in (gaps.mean(), middle, high))
        return cls(edits, int((gaps <= WITHIN).sum()), *found)


@dataclass(frozen=True)
class ControlResult(Result):
    """What became of each of n first states; `solved` says whose last plan is feasible and within 1 % of J*."""

    after: NDArray[np.int64]
    """After how many edits plans were scored, shape (K,)."""
    gaps: Numbers
    """J / J* - 1 of the best plan until then, inf where it is infeasible, shape (n, K)."""
    feasible: NDArray[np.bool_]
    """Of the last of these plans, as the next two, shape (n,)."""
    reached: NDArray[np.bool_]
    """Whether it is feasible and ends at the target."""
    violation: Numbers
    """By how much it exceeds the worst constraint, in tolerances."""
    simulations: NDArray[np.int64]
    """Plans that the simulator has played for each state; -1 where nobody counted."""

    @property
    def by_edits(self) -> list[After]:
        """What plans are worth after 1, 2, ... edits."""
        return [After.of(edits, gaps) for edits, gaps in zip(self.after.tolist(), self.gaps.T, strict=True)]


def evaluate_plans(planner: Planner, pool: ControlPool) -> ControlResult:
    """Plan for every state of a pool once; the checker of the pool's MDP judges the plans.

    Raises:
        ValueError: there is no state.
    """
    if len(pool.instances) == 0:
        raise ValueError("there is no state to plan for")
    rows = np.arange(len(pool.instances))
    parts = [_evaluated(planner, pool.chosen(rows[start : start + BATCH])) for start in range(0, len(rows), BATCH)]
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])}
    return ControlResult(**{**joined, "after": parts[0].after})


def _evaluated(planner: Planner, pool: ControlPool) -> ControlResult:
    task, n = pool.mdp.task, len(pool.instances)
    found = planner.plan(pool.instances, EDITS)
    checks = [task.check(pool.instances, plans) for plans in found.plans]
    # A cost that is no number is that of a plan which has diverged.
    costs = [np.where(one.feasible, np.nan_to_num(one.cost, nan=np.inf), np.inf) for one in checks]
    gaps = np.stack([cost / pool.optima - 1.0 for cost in costs], axis=1)
    last = checks[-1]
    return ControlResult(
        solved=gaps[:, -1] <= WITHIN,
        edits=np.full(n, found.edits[-1]),
        returns=np.full(n, np.nan),
        scores=pool.mdp.potential(last),
        network_calls=np.full(n, found.network_calls),
        inner_steps=np.full(n, found.inner_steps),
        checks=np.zeros(n, np.int64),
        plans=found.plans[-1],
        after=np.array(found.edits),
        gaps=gaps,
        feasible=last.feasible,
        reached=last.success,
        violation=last.violation,
        simulations=np.full(n, -1 if found.simulations is None else found.simulations),
    )


def milliseconds(planner: Planner, pool: ControlPool, batch: int) -> float:
    """Processor time of planning for one state, all edits together, in ms: the least of some repeats.

    Args:
        planner: what plans.
        pool: its first states are planned for.
        batch: states at once.
    """
    instances, times = pool.instances[np.arange(batch) % len(pool.instances)], list[float]()
    # Kernels are compiled, and weights found, before the clock starts.
    planner.plan(pool.instances[:1], EDITS)
    while not times or (len(times) < REPEATS and sum(times) < ENOUGH_S):
        since = time.process_time()
        planner.plan(instances, EDITS)
        times.append(time.process_time() - since)
    return 1e3 * min(times) / batch


def packed(after: Sequence[After]) -> str:
    """What rows say of plans after 1, 2, ... edits, as JSON."""
    return json.dumps([list(one) for one in after])


def unpacked(text: str) -> list[After]:
    """What `packed` wrote.

    Raises:
        ValueError: the text is another one.
    """
    try:
        found = [After(*values) for values in json.loads(text)]
    except (TypeError, ValueError) as error:
        raise ValueError(f"by_edits is {text!r}, which says nothing of plans: {error}") from None
    if not found or any(not _numbers(one) for one in found):
        raise ValueError(f"by_edits is {text!r}, which says nothing of plans")
    return found


def _numbers(one: After) -> bool:
    whole = type(one.edits) is int and type(one.within) is int
    return whole and all(value is None or type(value) in (int, float) for value in one[2:])
