"""Processor time of planning: a controller at several edits, the lines of its system, and IPOPT, in one process."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

import baselines
from baselines import ControlLine, Planner
from baselines.control_agents import LinePlanner
from benchmarks.protocol.control import ControlPool, milliseconds
from benchmarks.protocol.provenance import pool_hash, provenance
from benchmarks.protocol.study_rows import PlanningRow
from trm_envs.building import ipopt, ipopt_descent
from trm_envs.continuous.task import Numbers
from trm_envs.control.descent import DescentTask
from trm_envs.control.guidance import hover_grid
from trm_envs.control.linear import clipped_lqr

ALONE, REPEATS = 10, 3
"""First states that are planned for one by one, and how often: the least time counts."""
TOGETHER = 256
GRID = np.linspace(16.0, 64.0, 17)
"""Flight times in s of the grid that IPOPT's landings begin with."""


class Entry(NamedTuple):
    """One planner."""

    name: str
    planner: Planner
    edits: tuple[int, ...]
    """After how many edits it is timed; (0,) where plans are not edited."""
    together: bool = True
    """Whether it plans for many states at once."""


def solver(pool: ControlPool) -> Entry:
    """IPOPT, one problem at a time; its program is built before the clock starts.

    Quadratic systems begin with clipped LQR, landings with the best of a grid of restored hovers; both are timed too.

    Raises:
        ValueError: CasADi is missing; names the extra.
    """
    try:
        ipopt.casadi()
    except ImportError as error:
        raise ValueError(str(error)) from error
    task: Any = pool.mdp.task

    def plans(instances: Numbers) -> Numbers:
        if isinstance(task, DescentTask):
            return ipopt_descent.solve_descent(instances, hover_grid(task, instances, GRID)).plans
        return ipopt.solve(task, instances, clipped_lqr(task, instances)).plans

    return Entry("ipopt", LinePlanner(plans, None), (0,), together=False)


def entries(env_id: str, pool: ControlPool, name: str, planner: Planner, edits: Sequence[int]) -> list[Entry]:
    """A model at so many edits, every line of its system that plans, and IPOPT."""
    rng = np.random.default_rng(0)
    lines = [
        Entry(line.name, line.planner(pool.mdp, rng), (0,))
        for line in baselines.LINES.values()
        if isinstance(line, ControlLine) and line.supports(env_id) and line.name not in ("zero", "stored_reference")
    ]
    return [Entry(name, planner, tuple(edits)), *lines, solver(pool)]


def measure(suite: str, pool: ControlPool, found: Sequence[Entry], threads: int, command: str) -> Iterator[PlanningRow]:
    """A row for each entry and number of edits."""
    about = {"threads": threads, "command": command, **provenance()._asdict()}
    for entry in found:
        for edits in entry.edits:
            planner = _Only(entry.planner, edits)
            alone, gap = _alone(planner, pool)
            together = milliseconds(planner, pool, TOGETHER) if entry.together else None
            yield PlanningRow(
                suite=suite,
                planner=entry.name,
                edits=edits,
                n=ALONE,
                gap_mean=gap,
                ms_1=alone,
                ms_256=together,
                pool_sha256=pool_hash(pool.instances),
                **about,
            )


class _Only:
    """A planner that is asked for plans after one number of edits."""

    def __init__(self, planner: Planner, edits: int) -> None:
        self.planner, self.edits = planner, edits

    def plan(self, instances: Numbers, edits: Sequence[int]) -> Any:
        """See `Planner`."""
        return self.planner.plan(instances, (self.edits,))


def _alone(planner: Planner, pool: ControlPool) -> tuple[float, float | None]:
    """Processor time in ms of planning for one state, and the mean gap of these plans; None where one is infeasible."""
    chosen, times = pool.chosen(np.arange(ALONE)), []
    planner.plan(chosen.instances[:1], ())  # compiles, and builds a solver's program
    for _ in range(REPEATS):
        since = time.process_time()
        plans = [planner.plan(chosen.instances[row : row + 1], ()).plans[-1] for row in range(ALONE)]
        times.append(time.process_time() - since)
    checks = pool.mdp.task.check(chosen.instances, np.concatenate(plans))
    gap = float((checks.cost / chosen.optima - 1.0).mean()) if checks.feasible.all() else None
    return 1e3 * min(times) / ALONE, gap
