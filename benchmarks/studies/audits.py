"""Whole runs of the exact mixture with every step audited on enumerated instances, as rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from baselines import METHODS
from benchmarks.protocol.suites import pool, suite
from benchmarks.studies.certificates import rounded
from trm_agents.theory.audit import ImprovementAudit


@dataclass(frozen=True)
class AuditRow:
    """One conservative step of a run; means over the audited instances. Bounds are lower bounds on `rise`."""

    suite: str
    setting: str
    """`mixture.alpha`: a number, or `safe`."""
    capacity: int
    """Snapshots that the mixture keeps."""
    seed: int
    steps: int
    instances: int
    states: int
    promotion: int
    """Steps taken so far, this one included."""
    env_steps: int
    alpha: float
    eta: float
    rise: float
    published: float
    clocked: float
    one_deviation: float
    two_deviations: float
    exact: float
    exact_one: float
    estimated: float
    safe_alpha: float
    safe_rise: float
    value_error: float
    expiry_tv: float
    """E_pi TV between the deployed mixture and one that nothing expires from; after the last step, else nan."""
    expiry_eta: float
    """The difference that makes to eta."""
    expiry_bound: float
    """What the mixture says that the distance is at most, in any state; after the last step, else nan."""
    commit: str
    algo: str = "upi_trm-exact"
    schema: str = "audit/3"

    @property
    def key(self) -> tuple[str, str, str, int, int, int, int]:
        """What the row is the audit of."""
        return self.algo, self.suite, self.setting, self.capacity, self.seed, self.steps, self.promotion


class Plan(NamedTuple):
    """One audited run."""

    algo: str
    suite: str
    alpha: float | str
    seed: int
    steps: int
    n_steps: int
    """Steps of each environment an iteration, and so a promotion, takes."""
    capacity: int
    blanks: tuple[int, ...]
    """One validation instance with each of these numbers of editable cells."""


def audit(plan: Plan, commit: str) -> list[AuditRow]:
    """Train and audit.

    Raises:
        ValueError: the validation pool has no instance of a kind asked for.
    """
    row = suite(plan.suite)
    validation = pool(row.env_id, row.env_kwargs, "validation")
    instances = _chosen(validation.instances, plan.blanks)
    mixture = {"kind": "exact", "alpha": plan.alpha, "capacity": plan.capacity}
    settings = {"n_steps": plan.n_steps, **{f"mixture.{key}": value for key, value in mixture.items()}}
    watching = ImprovementAudit(validation.mdp, instances)
    model: Any = METHODS[plan.algo].make(row.env_id, row.env_kwargs, plan.seed, settings=settings)
    model.learn(plan.steps, callback=watching)
    distance, loss = watching.expiry_error()
    bound = model.policy.mixture.expiry_bound
    rows = []
    for index, step in enumerate(watching.steps, 1):
        last = index == len(watching.steps)
        about: dict[str, Any] = {name: rounded(value) for name, value in step._asdict().items()}
        rows.append(
            AuditRow(
                suite=plan.suite,
                setting=str(plan.alpha),
                capacity=plan.capacity,
                seed=plan.seed,
                steps=plan.steps,
                instances=len(instances),
                states=sum(len(closure.start) for closure in watching.closures),
                promotion=index,
                **about,
                expiry_tv=rounded(distance) if last else math.nan,
                expiry_eta=rounded(loss) if last else math.nan,
                expiry_bound=rounded(bound) if last else math.nan,
                commit=commit,
                algo=plan.algo,
            )
        )
    return rows


def _chosen(instances: NDArray[np.int8], blanks: tuple[int, ...]) -> NDArray[np.int8]:
    counts = (instances == 0).sum(1)
    if missing := [count for count in blanks if count not in counts]:
        raise ValueError(f"the validation pool has no instance with {missing[0]} blanks")
    found: NDArray[np.int8] = instances[[int(np.flatnonzero(counts == count)[0]) for count in blanks]]
    return found
