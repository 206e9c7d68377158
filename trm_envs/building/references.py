"""Build the reference optima of the systems' validation and test pools, or check the shipped ones."""

from __future__ import annotations

import hashlib
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trm_envs import pools
from trm_envs.building import ipopt, ipopt_descent
from trm_envs.building.files import write
from trm_envs.building.ipopt import Numbers
from trm_envs.control.descent import DescentTask
from trm_envs.control.descent_generator import Approach
from trm_envs.control.descent_sources import descent_instances
from trm_envs.control.generator import MU_RANGE
from trm_envs.control.guidance import hover_grid, reduced_gradient
from trm_envs.control.linear import clipped_lqr, ilqr
from trm_envs.control.quadratic import QuadraticTask
from trm_envs.control.reference import (
    POOLS,
    descent_reference,
    descent_reference_name,
    instances_hash,
    reference,
    reference_name,
)
from trm_envs.control.sources import Mu, pool_instances
from trm_envs.control.systems import DOUBLE_INTEGRATOR, DOUBLE_INTEGRATOR_TIGHT, VAN_DER_POL, System
from trm_envs.pools.reference import Reference, load_reference, reference_manifest

SPLITS = ("validation", "test")
GRADIENT_TOLERANCE, COST_TOLERANCE = 1e-3, 1e-9
"""Largest projected gradient of log J over a scaled plan at a reference, and the share of J that a line may gain on it.

The curvature along an unstable direction is large: there a gradient may be left where no cost is.
"""

Faults = dict[str, NDArray[np.bool_]]


class Row(ABC):
    """One reference: a system on one of its pools."""

    @property
    @abstractmethod
    def task(self) -> QuadraticTask | DescentTask:
        """The system as a task."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of its files."""

    @abstractmethod
    def instances(self, split: str) -> Numbers:
        """The instances of a split."""

    @abstractmethod
    def shipped(self, split: str) -> Reference:
        """The reference of a split, as it is shipped."""

    @abstractmethod
    def solutions(self, instances: Numbers) -> tuple[ipopt.Solutions, ipopt.Solutions]:
        """What the solver finds from two starts."""

    @abstractmethod
    def slopes(self, instances: Numbers, plans: Numbers) -> Numbers:
        """What is recorded of the projected gradient: its largest entry, shape (B,)."""

    @abstractmethod
    def scaled_slopes(self, slopes: Numbers, costs: Numbers) -> Numbers:
        """Recorded slopes as those of log J over a scaled plan."""

    @abstractmethod
    def line(self, instances: Numbers, plans: Numbers) -> tuple[str, Numbers]:
        """A classical line that begins at plans: its name and its costs."""


@dataclass(frozen=True)
class QuadraticRow(Row):
    """A system with a quadratic cost; solved from clipped LQR and from no control."""

    system: System
    ood: bool = False
    mu: Mu | None = None

    @property
    def task(self) -> QuadraticTask:
        """The system as a task."""
        return QuadraticTask(self.system)

    @property
    def name(self) -> str:
        """Name of its files."""
        return reference_name(self.system, self.ood, self.mu)

    def instances(self, split: str) -> Numbers:
        """The instances of a split."""
        return pool_instances(POOLS[self.system.name], split, self.ood, self.mu)

    def shipped(self, split: str) -> Reference:
        """The reference of a split, as it is shipped."""
        return reference(self.system, split, self.ood, self.mu)

    def solutions(self, instances: Numbers) -> tuple[ipopt.Solutions, ipopt.Solutions]:
        """From clipped LQR and from no control."""
        task = self.task
        starts = clipped_lqr(task, instances), task.initial_plans(instances)
        return ipopt.solve(task, instances, starts[0]), ipopt.solve(task, instances, starts[1])

    def slopes(self, instances: Numbers, plans: Numbers) -> Numbers:
        """Of J over u."""
        slopes: Numbers = np.abs(self.task.gradient(instances, plans).projected).max(axis=1)
        return slopes

    def scaled_slopes(self, slopes: Numbers, costs: Numbers) -> Numbers:
        """Of log J over u / u_max."""
        return slopes * self.system.u_max / costs

    def line(self, instances: Numbers, plans: Numbers) -> tuple[str, Numbers]:
        """Twenty sweeps of iLQR."""
        return "iLQR", ilqr(self.task, instances, plans, 20)[1][:, -1]


@dataclass(frozen=True)
class DescentRow(Row):
    """Powered descent; solved from twenty steps along the reduced gradient and from a restored hover."""

    approach: Approach = "usual"

    @property
    def task(self) -> DescentTask:
        """The system as a task."""
        return DescentTask()

    @property
    def name(self) -> str:
        """Name of its files."""
        return descent_reference_name(self.approach)

    def instances(self, split: str) -> Numbers:
        """The instances of a split."""
        return descent_instances(split, self.approach)

    def shipped(self, split: str) -> Reference:
        """The reference of a split, as it is shipped."""
        return descent_reference(split, self.approach)

    def solutions(self, instances: Numbers) -> tuple[ipopt.Solutions, ipopt.Solutions]:
        """From twenty steps along the reduced gradient, and from the restored first plan."""
        task = self.task
        cold = hover_grid(task, instances, np.empty(0))
        warm, _ = reduced_gradient(task, instances, hover_grid(task, instances, np.linspace(16.0, 64.0, 17)), 20)
        return ipopt_descent.solve_descent(instances, warm), ipopt_descent.solve_descent(instances, cold)

    def slopes(self, instances: Numbers, plans: Numbers) -> Numbers:
        """Of the fuel, over the plan in halves of its ranges."""
        unit = (self.task.plan_high - self.task.plan_low) / 2.0
        slopes: Numbers = np.abs(self.task.gradient(instances, plans).projected * unit).max(axis=1)
        return slopes

    def scaled_slopes(self, slopes: Numbers, costs: Numbers) -> Numbers:
        """Of the log fuel."""
        return slopes / costs

    def line(self, instances: Numbers, plans: Numbers) -> tuple[str, Numbers]:
        """Twenty steps along the reduced gradient."""
        return "the reduced gradient", reduced_gradient(self.task, instances, plans, 20)[1][:, -1]


_ROWS: tuple[Row, ...] = (
    *(QuadraticRow(system, ood) for system in (DOUBLE_INTEGRATOR, DOUBLE_INTEGRATOR_TIGHT) for ood in (False, True)),
    *(QuadraticRow(VAN_DER_POL, ood, mu) for mu in ((1.0, 1.0), MU_RANGE) for ood in (False, True)),
    *(QuadraticRow(VAN_DER_POL, False, (mu, mu)) for mu in (0.5, 0.8, 1.3, 1.6, 2.0)),
    DescentRow("usual"),
    DescentRow("shallow"),
    DescentRow("outside"),
)

REFERENCES: dict[str, Row] = {row.name: row for row in _ROWS}


def solve_row(row: Row, split: str) -> Reference:
    """Solve every instance of a split from two starts, and keep the cheaper plan."""
    task, instances = row.task, row.instances(split)
    first, second = row.solutions(instances)
    checks = task.check(instances, first.plans), task.check(instances, second.plans)
    # A plan that the solver calls optimal counts more than a cheaper one that it does not.
    cheaper = checks[1].improves_on(checks[0])
    taken = np.where(first.solved == second.solved, cheaper, second.solved)
    plans = np.where(taken[:, None], second.plans, first.plans)
    solved = first.solved | second.solved
    return Reference(task.check(instances, plans).cost, solved, row.slopes(instances, plans), plans)


def build_references(rows: Iterable[Row]) -> None:
    """Solve the given rows, write their files and update `reference.json`, each file atomically."""
    path = pools.ROOT / "reference.json"
    entries: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for row in rows:
        splits = {}
        for split in SPLITS:
            found, buffer = solve_row(row, split), io.BytesIO()
            np.savez_compressed(buffer, **found._asdict())
            data, name = buffer.getvalue(), f"{row.name}.{split}.npz"
            write(pools.ROOT / "reference" / name, data)
            instances = row.instances(split)
            splits[split] = {
                "file": name,
                "sha256": hashlib.sha256(data).hexdigest(),
                "instances_sha256": instances_hash(instances),
                "count": len(instances),
                "solved": int(found.solved.sum()),
                "mean_cost": round(float(found.costs.mean()), 6),
                "largest_projected_gradient": float(f"{found.stationarity.max():.3g}"),
            }
        entries[row.name] = {"solver": ipopt.version(), "splits": splits}
        write(path, (json.dumps(entries, indent=1) + "\n").encode("ascii"))
    reference_manifest.cache_clear()
    load_reference.cache_clear()


def check_references(rows: Iterable[Row]) -> list[str]:
    """Check shipped references in our own simulator, without a solver; return what is wrong."""
    faults = []
    for row in rows:
        for split in SPLITS:
            faults += [f"{row.name}.{split}: {fault}" for fault in check_reference(row, split)]
    return faults


def check_reference(row: Row, split: str) -> list[str]:
    """What is wrong with one shipped reference."""
    shipped, instances = row.shipped(split), row.instances(split)
    plans = shipped.plans.copy()
    checks = row.task.check(instances, plans)
    slopes = row.scaled_slopes(row.slopes(instances, plans), checks.cost)
    recorded = row.scaled_slopes(shipped.stationarity, shipped.costs)
    line, improved = row.line(instances, plans)
    faults: Faults = {
        "the solver has not solved it": ~shipped.solved,
        "the plan is not feasible": ~checks.feasible,
        "the plan does not cost what is recorded": np.abs(checks.cost / shipped.costs - 1.0) > 1e-9,
        "its projected gradient is not the recorded one": ~np.isclose(slopes, recorded, rtol=1e-2, atol=1e-5),
        "the plan is not stationary": slopes > GRADIENT_TOLERANCE,
        f"{line} finds a cheaper plan": improved < shipped.costs * (1.0 - COST_TOLERANCE),
    }
    return [f"instance {index}: {fault}" for fault, where in faults.items() for index in np.flatnonzero(where)]
