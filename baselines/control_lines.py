"""Reference lines of systems to control: plans that need no learning, as pure functions of instances.

They know the dynamics and the cost, and `stored_reference` has the solver's plans. Each takes (task, instances) and
gives plans; `plans_of("ilqr_3", task, instances)` calls one by name. How far above the reference optimum the plans of a
method are is its gap; a plan of another length of the horizon or another system is nobody's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from trm_envs.continuous.task import Numbers
from trm_envs.control import linear
from trm_envs.control.generator import MU_RANGE
from trm_envs.control.quadratic import QuadraticTask
from trm_envs.control.reference import POOLS, reference, reference_name
from trm_envs.control.sources import Mu, pool_instances
from trm_envs.pools.reference import Reference, reference_manifest

PlansOf = Callable[[QuadraticTask, Numbers], Numbers]


def zero(task: QuadraticTask, instances: Numbers) -> Numbers:
    """No control at all, shape (B, N): the floor, and the plan that every episode begins with."""
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


def stored_reference(task: QuadraticTask, instances: Numbers) -> Numbers:
    """The stored reference plans of validation and test instances, shape (B, N): the ceiling.

    Raises:
        ValueError: an instance is in none of the pools that have reference optima.
    """
    rows, stored = _places(task, instances)
    return np.stack([stored[pool].plans[row] for pool, row in rows])


def reference_costs(task: QuadraticTask, instances: Numbers) -> Numbers:
    """J* of validation and test instances, shape (B,).

    Raises:
        ValueError: an instance is in none of the pools that have reference optima.
    """
    rows, stored = _places(task, instances)
    return np.array([stored[pool].costs[row] for pool, row in rows])


def gaps(task: QuadraticTask, instances: Numbers, plans: Numbers) -> Numbers:
    """J / J* - 1 of plans for validation and test instances, shape (B,)."""
    return task.check(instances, plans).cost / reference_costs(task, instances) - 1.0


LINES: dict[str, PlansOf] = {
    "zero": zero,
    "clipped_lqr": clipped_lqr,
    "ilqr_1": partial(ilqr_from_lqr, iterations=1),
    "ilqr_3": partial(ilqr_from_lqr, iterations=3),
    "ilqr_20": partial(ilqr_from_zero, iterations=20),
    "stored_reference": stored_reference,
}
"""Name -> line. `ilqr_20` begins with no control, the shorter ones with clipped LQR."""


def plans_of(name: str, task: QuadraticTask, instances: Numbers) -> Numbers:
    """The plans of the line of this name, shape (B, N).

    Raises:
        ValueError: there is none of this name.
    """
    if name not in LINES:
        raise ValueError(f"unknown line {name!r} of control; known ones: {', '.join(LINES)}")
    return LINES[name](task, instances)


Pool = tuple[str, bool, Mu | None]
"""Split, whether out of distribution, and range of mu."""


def _places(task: QuadraticTask, instances: Numbers) -> tuple[list[tuple[Pool, int]], dict[Pool, Reference]]:
    """Where each instance stands, and the reference optima of the pools that were asked."""
    known: dict[bytes, tuple[Pool, int]] = {}
    for pool in _pools(task, instances):
        for row, instance in enumerate(pool_instances(POOLS[task.system.name], *pool)):
            known.setdefault(instance.tobytes(), (pool, row))
    rows = []
    for number, instance in enumerate(np.ascontiguousarray(instances, np.float64)):
        if instance.tobytes() not in known:
            raise ValueError(
                f"instance {number}, {instance.tolist()}, is in no pool of {task.system.name} that has reference "
                "optima: take validation or test instances, of a mu that trm_envs/pools/reference.json lists"
            )
        rows.append(known[instance.tobytes()])
    return rows, {pool: reference(task.system, *pool) for pool in {pool for pool, _ in rows}}


def _pools(task: QuadraticTask, instances: Numbers) -> list[Pool]:
    """The pools that have reference optima of a system, of those that instances may be from by their mu."""
    ranges: list[Mu | None] = [None]
    if task.instance_size > task.n_states:
        ranges = [MU_RANGE, *((mu, mu) for mu in np.unique(instances[:, task.n_states]).tolist())]
    return [
        (split, ood, mu)
        for mu in ranges
        for ood in (False, True)
        for split in reference_manifest().get(reference_name(task.system, ood, mu), {"splits": ()})["splits"]
    ]
