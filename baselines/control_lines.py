"""Reference lines of systems to control: plans that need no learning, as pure functions of instances.

They know the dynamics and the cost, and `stored_reference` has the solver's plans. Each takes (task, instances) and
gives plans; `plans_of("ilqr_3", task, instances)` calls one by name. How far above the reference optimum the plans of a
method are is its gap; a plan of another length of the horizon or another system is nobody's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from trm_envs.continuous.task import ControlTask, Numbers
from trm_envs.control import linear
from trm_envs.control.descent import DescentTask
from trm_envs.control.descent_sources import POOLS as DESCENT_POOLS
from trm_envs.control.descent_sources import descent_instances
from trm_envs.control.generator import MU_RANGE
from trm_envs.control.guidance import hover_grid, reduced_gradient
from trm_envs.control.quadratic import QuadraticTask
from trm_envs.control.reference import (
    POOLS,
    descent_reference,
    descent_reference_name,
    reference,
    reference_name,
)
from trm_envs.control.sources import Mu, pool_instances
from trm_envs.pools.reference import Reference, reference_manifest

FLIGHT_TIMES = np.linspace(16.0, 78.0, 32)
"""Flight times in s that the guidance grid tries."""

PlansOf = Callable[[Any, Numbers], Numbers]


def zero(task: ControlTask, instances: Numbers) -> Numbers:
    """The plan that every episode begins with, shape (B, plan_size): no control at all, or hover."""
    return task.initial_plans(instances)


def clipped_lqr(task: QuadraticTask, instances: Numbers) -> Numbers:
    """The LQR feedback of the system linearised at its target, clipped to the bounds, shape (B, N)."""
    return linear.clipped_lqr(task, instances)


def ilqr_from_lqr(task: QuadraticTask, instances: Numbers, iterations: int) -> Numbers:
    """Sweeps of iLQR with bounded controls from the plans of clipped LQR, shape (B, N)."""
    return linear.ilqr(task, instances, clipped_lqr(task, instances), iterations)[0]


def ilqr_from_zero(task: QuadraticTask, instances: Numbers, iterations: int) -> Numbers:
    """Sweeps of iLQR with bounded controls from no control at all, shape (B, N)."""
    return linear.ilqr(task, instances, zero(task, instances), iterations)[0]


def guidance_grid(task: DescentTask, instances: Numbers) -> Numbers:
    """The best of hovering restored to a landing at each of 32 flight times, shape (B, plan_size)."""
    return hover_grid(task, instances, FLIGHT_TIMES)


def reduced_gradient_from_grid(task: DescentTask, instances: Numbers, iterations: int) -> Numbers:
    """Steps along the reduced gradient from the plans of the guidance grid, shape (B, plan_size)."""
    return reduced_gradient(task, instances, guidance_grid(task, instances), iterations)[0]


def stored_reference(task: ControlTask, instances: Numbers) -> Numbers:
    """The stored reference plans of validation and test instances, shape (B, plan_size): the ceiling.

    Raises:
        ValueError: an instance is in none of the pools that have reference optima.
    """
    return np.stack([found.plans[row] for found, row in _places(task, instances)])


def reference_costs(task: ControlTask, instances: Numbers) -> Numbers:
    """J* of validation and test instances, shape (B,).

    Raises:
        ValueError: an instance is in none of the pools that have reference optima.
    """
    return np.array([found.costs[row] for found, row in _places(task, instances)])


def gaps(task: ControlTask, instances: Numbers, plans: Numbers) -> Numbers:
    """J / J* - 1 of plans for validation and test instances, shape (B,)."""
    return task.check(instances, plans).cost / reference_costs(task, instances) - 1.0


LINES: dict[str, PlansOf] = {
    "zero": zero,
    "clipped_lqr": clipped_lqr,
    "ilqr_1": partial(ilqr_from_lqr, iterations=1),
    "ilqr_3": partial(ilqr_from_lqr, iterations=3),
    "ilqr_20": partial(ilqr_from_zero, iterations=20),
    "guidance_grid": guidance_grid,
    "reduced_gradient_20": partial(reduced_gradient_from_grid, iterations=20),
    "reduced_gradient_50": partial(reduced_gradient_from_grid, iterations=50),
    "stored_reference": stored_reference,
}
"""Name -> line. `ilqr_20` begins with no control, the shorter ones with clipped LQR."""


def plans_of(name: str, task: ControlTask, instances: Numbers) -> Numbers:
    """The plans of the line of this name, shape (B, plan_size).

    Raises:
        ValueError: there is none of this name.
    """
    if name not in LINES:
        raise ValueError(f"unknown line {name!r} of control; known ones: {', '.join(LINES)}")
    return LINES[name](task, instances)


Place = tuple[Reference, int]
"""Reference optima of a pool, and the row in it."""


def _places(task: ControlTask, instances: Numbers) -> list[Place]:
    """Where the reference optimum of each instance stands."""
    known: dict[bytes, Place] = {}
    for pool, found in _descent_pools() if isinstance(task, DescentTask) else _quadratic_pools(task, instances):
        for row, instance in enumerate(pool):
            known.setdefault(instance.tobytes(), (found, row))
    places = []
    for number, instance in enumerate(np.ascontiguousarray(instances, np.float64)):
        if instance.tobytes() not in known:
            raise ValueError(
                f"instance {number}, {instance.tolist()}, is in no pool that has reference optima: take validation or "
                "test instances, of a mu that trm_envs/pools/reference.json lists"
            )
        places.append(known[instance.tobytes()])
    return places


def _descent_pools() -> Iterator[tuple[Numbers, Reference]]:
    """Instances and optima of all pools of powered descent that have optima."""
    for approach in DESCENT_POOLS:
        for split in reference_manifest()[descent_reference_name(approach)]["splits"]:
            yield descent_instances(split, approach), descent_reference(split, approach)


def _quadratic_pools(task: ControlTask, instances: Numbers) -> Iterator[tuple[Numbers, Reference]]:
    """Instances and optima of the pools of a quadratic system that instances may be from by their mu."""
    assert isinstance(task, QuadraticTask)
    ranges: list[Mu | None] = [None]
    if task.instance_size > task.n_states:
        ranges = [MU_RANGE, *((mu, mu) for mu in np.unique(instances[:, task.n_states]).tolist())]
    for mu in ranges:
        for ood in (False, True):
            for split in reference_manifest().get(reference_name(task.system, ood, mu), {"splits": ()})["splits"]:
                yield pool_instances(POOLS[task.system.name], split, ood, mu), reference(task.system, split, ood, mu)
