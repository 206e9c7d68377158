"""Bounds on the error of an unrolled evaluator, |U_n - V^pi|: one equation a function.

U_n is the value read after n inner steps, n < m, T_K the K-step Bellman operator of pi, and
delta = T_K U_m - U_m its residual. Sup norms run over the states of a closure.
"""

from __future__ import annotations

from math import inf

import numpy as np

from trm_agents.theory.exact import bellman
from trm_agents.theory.tabular import Floats, TabularMDP


def sup(values: Floats) -> float:
    """Sup norm."""
    return float(np.abs(values).max())


def span(values: Floats) -> float:
    """Max minus min, where a state that nothing follows counts as zero."""
    return max(float(values.max()), 0.0) - min(float(values.min()), 0.0)


def geometric(rate: float, terms: Floats | float) -> Floats:
    """sum_{j < terms} rate^j, elementwise; `terms` may be inf, and rate 1 counts the terms."""
    count = np.asarray(terms, np.float64)
    if rate == 1.0:
        return count
    out: Floats = (1.0 - rate**count) / (1.0 - rate)
    return out


def residual(mdp: TabularMDP, policy: Floats, values: Floats, steps: int) -> Floats:
    """delta(s) = (T_K U)(s) - U(s), signed, shape (S,)."""
    return bellman(mdp, policy, values, steps) - values


def error_bound(gap: float, residual_sup: float, gamma: float, steps: int) -> float:
    """(V1) |U_n - V^pi| <= |U_n - U_m| + |U_m - T_K U_m| / (1 - gamma^K)."""
    return gap + residual_sup / (1.0 - gamma**steps) if gamma < 1.0 else inf


def error_bound_horizon(gap: float, residual_sup: float, gamma: float, steps: int, horizon: float) -> float:
    """(V2) As (V1), but an episode of at most T steps bootstraps ceil(T / K) times: sum_{j < ceil(T/K)} gamma^(jK)."""
    return gap + residual_sup * float(geometric(gamma**steps, np.ceil(horizon / steps)))


def error_bound_visited(mdp: TabularMDP, policy: Floats, gaps: Floats, delta: Floats, steps: int) -> Floats:
    """(V3) |U_n - V^pi|(s) <= |U_n - U_m|(s) + E_pi[sum_j gamma^(jK) |delta(s_jK)| | s_0 = s], shape (S,)."""
    return gaps + mdp.accumulate(policy, np.abs(delta), steps)


def error_signed(mdp: TabularMDP, policy: Floats, delta: Floats, steps: int) -> Floats:
    """(V4) V^pi - U_m = E_pi[sum_j gamma^(jK) delta(s_jK)]: with its sign, the residual says the error exactly."""
    return mdp.accumulate(policy, delta, steps)


def path_bound(lipschitz_value: float, moves: Floats) -> float:
    """(V5) |U_n - U_m| <= L_V sum_{n <= j < m} sup |z_{j+1} - z_j|; `moves` are those suprema, shape (m - n,)."""
    total = float(np.sum(moves))
    return lipschitz_value * total if total > 0.0 else 0.0


def envelope(lipschitz_value: float, first_move: float, lipschitz: float, n: int, m: float = inf) -> float:
    """(V6) |U_n - U_m| <= L_V C_z L_z^n (1 - L_z^(m - n)) / (1 - L_z), C_z = sup |z_1 - z_0|; m may be inf.

    Infinite where L_V or L_z is not certified, or where L_z >= 1 and m is infinite.
    """
    if first_move == 0.0:
        return 0.0
    if not (np.isfinite(lipschitz_value) and np.isfinite(lipschitz)) or (lipschitz >= 1.0 and m == inf):
        return inf
    return float(lipschitz_value * first_move * lipschitz**n * geometric(lipschitz, m - n))


def limit_bound(residual_sup: float, from_m: float, from_n: float, gamma: float, steps: int) -> float:
    """(V7) m to infinity: |U_n - V^pi| <= eps_res* / (1 - gamma^K) + L_V C_z L_z^n / (1 - L_z).

    The residual of U_inf is not computed but bounded: eps_res* <= |delta_m| + (1 + gamma^K) |U_m - U_inf|.

    Args:
        residual_sup: |U_m - T_K U_m|.
        from_m: bound on |U_m - U_inf|, by (V6).
        from_n: bound on |U_n - U_inf|, by (V6).
        gamma: discount.
        steps: K.
    """
    return error_bound(from_n, residual_sup + (1.0 + gamma**steps) * from_m, gamma, steps)


def advantage_bound(gamma: float, value_error: float) -> float:
    """(A1) |A_hat - A| <= 2 gamma |U_n - V^pi|, for advantages centred exactly under pi."""
    return 2.0 * gamma * value_error


def advantage_bound_span(gamma: float, error: Floats) -> float:
    """(A2) |A_hat - A| <= gamma span(U_n - V^pi): a constant error cancels, except for what a terminal leaves of it."""
    return gamma * span(error)
