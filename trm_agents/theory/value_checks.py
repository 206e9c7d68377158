"""The bounds on value errors, held against exact values for every pair of depths."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trm_agents.theory import value_bounds
from trm_agents.theory.ledger import Ledger
from trm_agents.theory.tabular import Floats, TabularMDP


class Depths(NamedTuple):
    """An evaluator at every depth, on S states."""

    values: Floats
    """U_k(s) for k = 0 or 1 ... m, shape (depths, S)."""
    moves: Floats
    """|z_k - z_(k-1)| for k = 1 ... m, in the joint L2 norm, shape (m, S)."""
    projected: float
    """Share of inner steps at which Pi_R was active."""


class Evaluator(NamedTuple):
    """U at all depths, with what is certified of it."""

    depths: Depths
    n: int
    """Trained depth."""
    lipschitz: float
    """L_z; inf where it is not certified."""
    lipschitz_value: float
    """L_V; inf where it is not certified."""
    radius: float | None
    """R of the projection; None without."""

    def at(self, depth: int) -> Floats:
        """U at a depth, shape (S,)."""
        # Without U_0 the first row is U_1.
        values: Floats = self.depths.values[depth - self.first]
        return values

    @property
    def first(self) -> int:
        """The smallest depth that there are values of: 0 or 1."""
        return 1 + len(self.depths.moves) - len(self.depths.values)

    @property
    def last(self) -> int:
        """The largest depth m."""
        return len(self.depths.moves)

    def envelope(self, n: int, m: float) -> float:
        """(V6) between two depths; m may be inf."""
        first_move = float(self.depths.moves[0].max())
        return value_bounds.envelope(self.lipschitz_value, first_move, self.lipschitz, n, m)


def check_values(
    mdp: TabularMDP, policy: Floats, evaluator: Evaluator, truth: Floats, steps: int, ledger: Ledger
) -> dict[tuple[int, int], dict[str, float]]:
    """Check (V1) to (V7) for every pair of depths n <= m; return their terms by (n, m).

    Args:
        mdp: the states.
        policy: pi, shape (S, A).
        evaluator: U at all depths.
        truth: V^pi, shape (S,).
        steps: K of the Bellman operator.
        ledger: takes the checks.
    """
    _check_moves(evaluator, ledger)
    pairs: dict[tuple[int, int], dict[str, float]] = {}
    for m in range(evaluator.first, evaluator.last + 1):
        delta = value_bounds.residual(mdp, policy, evaluator.at(m), steps)
        ledger.equal("V4", truth - evaluator.at(m), value_bounds.error_signed(mdp, policy, delta, steps))
        visited = value_bounds.error_bound_visited(mdp, policy, np.zeros_like(delta), delta, steps)
        for n in range(evaluator.first, m + 1):
            pairs[n, m] = _pair(mdp, evaluator, n, m, truth, delta, visited, steps, ledger)
    return pairs


def _check_moves(evaluator: Evaluator, ledger: Ledger) -> None:
    """A contraction shortens every move, state by state; within a ball no first move is longer than its diameter."""
    moves = evaluator.depths.moves
    if np.isfinite(evaluator.lipschitz) and len(moves) > 1:
        ledger.at_most("L_z", moves[1:], evaluator.lipschitz * moves[:-1])
    if evaluator.radius is not None:
        ledger.at_most("C_z", moves[0], 2.0 * evaluator.radius)


def _pair(
    mdp: TabularMDP,
    evaluator: Evaluator,
    n: int,
    m: int,
    truth: Floats,
    delta: Floats,
    visited: Floats,
    steps: int,
    ledger: Ledger,
) -> dict[str, float]:
    """The terms of two depths, checked."""
    error, gaps = np.abs(evaluator.at(n) - truth), np.abs(evaluator.at(n) - evaluator.at(m))
    gap, worst, gamma = value_bounds.sup(gaps), value_bounds.sup(delta), mdp.gamma
    path = evaluator.depths.moves[n:m].max(1) if m > n else np.zeros(1)
    terms = {
        "value_error": value_bounds.sup(error),
        "depth_gap": gap,
        "residual": worst,
        "error_bound": value_bounds.error_bound(gap, worst, gamma, steps),
        "error_bound_horizon": value_bounds.error_bound_horizon(gap, worst, gamma, steps, mdp.horizon),
        "value_error_start": float(mdp.start @ error),
        "error_bound_visited": float(mdp.start @ (gaps + visited)),
        "path_length": float(path.sum()),
        "first_move": float(evaluator.depths.moves[0].max()),
        "lipschitz": evaluator.lipschitz,
        "lipschitz_value": evaluator.lipschitz_value,
        "path_bound": value_bounds.path_bound(evaluator.lipschitz_value, path),
        "envelope": evaluator.envelope(n, m),
        "limit_bound": value_bounds.limit_bound(
            worst, evaluator.envelope(m, np.inf), evaluator.envelope(n, np.inf), gamma, steps
        ),
    }
    ledger.at_most("V1", terms["value_error"], terms["error_bound"])
    ledger.at_most("V2", terms["value_error"], terms["error_bound_horizon"])
    ledger.at_most("V3", error, gaps + visited)
    ledger.at_most("V5", gap, terms["path_bound"])
    ledger.at_most("V6", gap, terms["envelope"])
    ledger.at_most("V7", terms["value_error"], terms["limit_bound"])
    return terms
