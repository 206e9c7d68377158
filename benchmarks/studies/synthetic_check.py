"""The finite-MDP check: random MDPs with 64 states and 4 actions, 80 rows of values and 21 of improvement steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trm_agents.theory import exact
from trm_agents.theory.improvement_checks import ALPHAS, Improvement, check_improvement
from trm_agents.theory.ledger import Ledger, Violation
from trm_agents.theory.synthetic import Synthetic, synthetic
from trm_agents.theory.value_checks import check_values

LIPSCHITZ = (0.2, 0.5, 0.8, 0.95)
DEPTHS = 20
"""n = 0 ... 19, each against m = 20 and m to infinity."""


@dataclass(frozen=True)
class SyntheticRow:
    """One depth (alpha None) or one step size (n None) on an MDP of its own modulus."""

    states: int
    actions: int
    lipschitz: float
    n: int | None
    alpha: float | None
    actual: float
    """sup |U_n - V^pi|, or eta(pi_new) - eta(pi)."""
    bound: float
    """(V1), or the lower bound (I2)."""
    envelope: float
    """(V6) for |U_n - U_20|; nan for a step."""
    depth_gap: float
    """|U_n - U_20|; nan for a step."""
    limit_bound: float
    """(V7); nan for a step."""
    tight_bound: float
    """(V3) where the episode starts, or (I6)."""
    schema: str = "synthetic/1"


def check(seed: int) -> tuple[list[SyntheticRow], list[Violation]]:
    """All rows, and the bounds that were violated: every pair of depths and every step size is checked."""
    rows: list[SyntheticRow] = []
    violations: list[Violation] = []
    for index, lipschitz in enumerate(LIPSCHITZ):
        drawn = synthetic(np.random.default_rng([seed, index]), lipschitz, DEPTHS)
        ledger = Ledger(10.0)
        truth = exact.policy_value(drawn.mdp, drawn.policy)
        pairs = check_values(drawn.mdp, drawn.policy, drawn.evaluator, truth, 1, ledger)
        for n in range(DEPTHS):
            terms = pairs[n, DEPTHS]
            rows.append(
                _row(
                    drawn,
                    n=n,
                    actual=terms["value_error"],
                    bound=terms["error_bound"],
                    envelope=terms["envelope"],
                    depth_gap=terms["depth_gap"],
                    limit_bound=terms["limit_bound"],
                    tight_bound=terms["error_bound_visited"],
                )
            )
        if index == 1:
            rows += _steps(drawn, ledger)
        violations += ledger.violations
    return rows, violations


def _steps(drawn: Synthetic, ledger: Ledger) -> list[SyntheticRow]:
    values, truth = drawn.evaluator.at(DEPTHS), exact.policy_value(drawn.mdp, drawn.policy)
    found = []
    for alpha in ALPHAS:
        terms = check_improvement(drawn.mdp, drawn.policy, values, truth, Improvement(1.0, float(alpha)), ledger)
        found.append(
            _row(
                drawn,
                alpha=float(alpha),
                actual=terms["rise"],
                bound=terms["rise_published"],
                tight_bound=terms["rise_residual"],
            )
        )
    return found


def _row(
    drawn: Synthetic,
    *,
    actual: float,
    bound: float,
    tight_bound: float,
    n: int | None = None,
    alpha: float | None = None,
    envelope: float = np.nan,
    depth_gap: float = np.nan,
    limit_bound: float = np.nan,
) -> SyntheticRow:
    states, actions = drawn.policy.shape
    about = (states, actions, drawn.evaluator.lipschitz, n, alpha)
    return SyntheticRow(*about, actual, bound, envelope, depth_gap, limit_bound, tight_bound)


def text(rows: list[SyntheticRow], violations: list[Violation]) -> str:
    """The rows as lines."""
    lines = [" L_z    n alpha      actual       bound    envelope   |U_n-U_20|"]
    for row in rows:
        n, alpha = ("" if row.n is None else row.n), ("" if row.alpha is None else f"{row.alpha:.2f}")
        numbers = "".join(f"{value:12.4g}" for value in (row.actual, row.bound, row.envelope, row.depth_gap))
        lines.append(f"{row.lipschitz:4} {n!s:>4} {alpha:>5}{numbers}")
    return "\n".join([*lines, f"{len(rows)} rows, {len(violations)} violations", *map(str, violations)])
