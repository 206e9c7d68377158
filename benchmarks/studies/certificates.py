"""Certificates of a model on the instances of a pool, as rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from benchmarks.protocol.provenance import pool_hash
from benchmarks.protocol.rows import Renamed
from benchmarks.protocol.suites import Pool
from trm_agents import UPITRM, HindsightTRM
from trm_agents.theory.certificate import Certificate, certify
from trm_agents.theory.closure import TooManyStatesError, enumerate_closure
from trm_agents.theory.improvement_checks import Improvement
from trm_agents.theory.ledger import Violation
from trm_agents.theory.reading import Reader
from trm_agents.theory.value_bounds import sup

DIGITS = 6
"""Significant digits of a row; every check is made before rounding."""


@dataclass(frozen=True)
class CertificateRow(Renamed, Certificate):
    """One instance of one model."""

    model: str
    algo: str
    env_id: str
    instance: int
    """Index in the pool."""
    pool_sha256: str
    float32_error: float
    """sup |U_n in float32 - U_n in float64|: what the bounds, which are checked on the latter, leave out."""
    commit: str
    schema: str = "certificate/2"

    @property
    def key(self) -> tuple[str, str, int]:
        """What the row is the certificate of."""
        return self.model, self.pool_sha256, self.instance


class Task(NamedTuple):
    """What is certified."""

    model: UPITRM | HindsightTRM
    name: str
    algo: str
    env_id: str
    commit: str
    depth: int
    """Largest depth m."""
    horizon: int
    """K."""
    improvement: Improvement
    max_states: int
    """Instances that reach more are left out."""
    blanks: int | None = None
    """Instances with another number of editable cells are left out; None takes all."""


def certificates(task: Task, puzzles: Pool, instances: int) -> Iterator[tuple[CertificateRow, list[Violation]]]:
    """Certify the first instances of a pool that are of the kind asked for, one after the other.

    Raises:
        ValueError: the model has no policy over plan-edit tokens.
    """
    if not isinstance(task.model, UPITRM | HindsightTRM):
        raise ValueError(f"certify takes a UPITRM or a HindsightTRM, not a {type(task.model).__name__}")
    reader = Reader(task.model.policy, puzzles.mdp)
    digest = pool_hash(puzzles.instances)
    left = instances
    for index, instance in enumerate(puzzles.instances):
        if left == 0:
            return
        if task.blanks not in (None, int((instance == 0).sum())):
            continue
        try:
            closure, policy = enumerate_closure(puzzles.mdp, instance, reader.table, task.max_states)
        except TooManyStatesError:
            continue
        left -= 1
        evaluator = reader.evaluator(closure, task.depth)
        found, violations = certify(closure, policy, evaluator, task.improvement, task.horizon)
        rounding = sup(reader.deployed_values(closure) - evaluator.at(evaluator.n))
        fields = {name: rounded(value) for name, value in dataclasses.asdict(found).items()}
        about: dict[str, Any] = {"model": task.name, "algo": task.algo, "env_id": task.env_id, "commit": task.commit}
        yield (
            CertificateRow(**fields, **about, instance=index, pool_sha256=digest, float32_error=rounded(rounding)),
            violations,
        )


def rounded(value: Any) -> Any:
    """A float with `DIGITS` significant digits, anything else as it is."""
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
