"""Build the reference optima of the systems' validation and test pools, or check the shipped ones."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from trm_envs import pools
from trm_envs.building import ipopt
from trm_envs.building.files import write
from trm_envs.control.generator import MU_RANGE
from trm_envs.control.linear import clipped_lqr, ilqr
from trm_envs.control.quadratic import QuadraticTask
from trm_envs.control.reference import POOLS, instances_hash, reference, reference_name
from trm_envs.control.sources import Mu, pool_instances
from trm_envs.control.systems import DOUBLE_INTEGRATOR, DOUBLE_INTEGRATOR_TIGHT, VAN_DER_POL, System
from trm_envs.pools.reference import Reference, load_reference, reference_manifest

SPLITS = ("validation", "test")
GRADIENT_TOLERANCE, COST_TOLERANCE = 1e-3, 1e-9
"""Largest projected gradient of log J over u / u_max at a reference plan, and the share of J that iLQR may gain on it.

The curvature along an unstable direction is large: there a gradient may be left where no cost is.
"""


@dataclass(frozen=True)
class Row:
    """One reference: a system on one of its pools."""

    system: System
    ood: bool = False
    mu: Mu | None = None

    @property
    def name(self) -> str:
        """Name of its files."""
        return reference_name(self.system, self.ood, self.mu)


_ROWS = (
    *(Row(system, ood) for system in (DOUBLE_INTEGRATOR, DOUBLE_INTEGRATOR_TIGHT) for ood in (False, True)),
    *(Row(VAN_DER_POL, ood, mu) for mu in ((1.0, 1.0), MU_RANGE) for ood in (False, True)),
    *(Row(VAN_DER_POL, False, (mu, mu)) for mu in (0.5, 0.8, 1.3, 1.6, 2.0)),
)

REFERENCES: dict[str, Row] = {row.name: row for row in _ROWS}


def solve_row(row: Row, split: str) -> Reference:
    """Solve every instance of a split from clipped LQR and from no control, and keep the cheaper plan."""
    task, instances = QuadraticTask(row.system), pool_instances(POOLS[row.system.name], split, row.ood, row.mu)
    first, second = (
        ipopt.solve(task, instances, start) for start in (clipped_lqr(task, instances), task.initial_plans(instances))
    )
    cheaper = task.check(instances, second.plans).cost < task.check(instances, first.plans).cost
    # A plan that the solver calls optimal counts more than a cheaper one that it does not.
    taken = np.where(first.solved == second.solved, cheaper, second.solved)
    plans = np.where(taken[:, None], second.plans, first.plans)
    stationarity = np.abs(task.gradient(instances, plans).projected).max(axis=1)
    solved = first.solved | second.solved
    return Reference(task.check(instances, plans).cost, solved, stationarity, plans)


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
            instances = pool_instances(POOLS[row.system.name], split, row.ood, row.mu)
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
    shipped = reference(row.system, split, row.ood, row.mu)
    task, instances = QuadraticTask(row.system), pool_instances(POOLS[row.system.name], split, row.ood, row.mu)
    plans = shipped.plans.copy()
    checks = task.check(instances, plans)
    slopes = np.abs(task.gradient(instances, plans).projected).max(axis=1) * row.system.u_max / checks.cost
    recorded = shipped.stationarity * row.system.u_max / shipped.costs
    improved = ilqr(task, instances, plans, 20)[1][:, -1]
    faults = {
        "the solver has not solved it": ~shipped.solved,
        "the plan is not feasible": ~checks.feasible,
        "the plan does not cost what is recorded": np.abs(checks.cost / shipped.costs - 1.0) > 1e-9,
        "its projected gradient is not the recorded one": ~np.isclose(slopes, recorded, rtol=1e-2, atol=1e-5),
        "the plan is not stationary": slopes > GRADIENT_TOLERANCE,
        "iLQR finds a cheaper plan": improved < shipped.costs * (1.0 - COST_TOLERANCE),
    }
    return [f"instance {index}: {fault}" for fault, where in faults.items() for index in np.flatnonzero(where)]
