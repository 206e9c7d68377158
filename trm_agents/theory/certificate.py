"""Everything that the theory says of one policy on one instance, computed exactly and held against the bounds."""

from __future__ import annotations

from dataclasses import dataclass

from trm_agents.theory import exact, value_bounds
from trm_agents.theory.improvement_checks import Improvement, check_improvement
from trm_agents.theory.ledger import Ledger, Violation
from trm_agents.theory.tabular import Floats, TabularMDP
from trm_agents.theory.value_checks import Evaluator, check_values


@dataclass(frozen=True)
class Certificate:
    """Terms at the trained depth n against depth m, for one instance; sup norms over its closure of S states."""

    states: int
    actions: int
    n: int
    m: int
    bootstrap_horizon: int
    """K."""
    value_error: float
    """sup |U_n - V^pi|."""
    depth_gap: float
    """sup |U_n - U_m|."""
    residual: float
    """sup |U_m - T_K U_m|."""
    error_bound: float
    """(V1)."""
    error_bound_horizon: float
    """(V2)."""
    value_error_start: float
    """|U_n - V^pi| in the first state."""
    error_bound_visited: float
    """(V3) in the first state."""
    path_length: float
    """sum of sup |z_(j+1) - z_j| from n to m."""
    first_move: float
    """C_z."""
    lipschitz: float
    """L_z; inf: not certified."""
    lipschitz_value: float
    """L_V; inf: not certified."""
    path_bound: float
    """(V5) for |U_n - U_m|."""
    envelope: float
    """(V6) for |U_n - U_m|."""
    limit_bound: float
    """(V7) for |U_n - V^pi|."""
    centring_defect: float
    """sup |sum_a pi A_hat|."""
    eps_advantage: float
    """sup |A_hat - A|."""
    advantage_bound: float
    """(A1)."""
    advantage_bound_span: float
    """(A2)."""
    eps_cand: float
    """sup |sum_a pi_cand (A_hat - A)|."""
    eps_cpi: float
    """sup |sum_a pi_cand A|."""
    alpha: float
    eta: float
    """eta(pi)."""
    surrogate_rise: float
    """L_hat(alpha) - eta(pi)."""
    rise: float
    """eta(pi_new) - eta(pi)."""
    rise_published: float
    """Lower bound on it by (I2)."""
    rise_horizon: float
    """By (I3)."""
    rise_residual: float
    """By (I6), from U_n alone."""
    rise_deviations_0: float
    """By (I7) with J = 0, from U_n alone."""
    rise_deviations_1: float
    """With J = 1: what pi and one deviation reach."""
    rise_deviations_2: float
    rise_exact_0: float
    """By (I7) with J = 0, from V^pi."""
    rise_exact_1: float
    safe_alpha: float
    """Where (I7) with J = 1 is largest, from U_n alone."""
    safe_rise: float
    """The rise of eta that is certified there; 0: none."""
    safe_rise_actual: float
    exact_safe_alpha: float
    """The same from V^pi."""
    exact_safe_rise: float
    exact_safe_rise_actual: float
    projected: float
    """Share of inner steps at which Pi_R was active."""
    checks: int
    """Inequalities and identities checked, at all depths and step sizes."""
    violations: int


def certify(
    mdp: TabularMDP, policy: Floats, evaluator: Evaluator, improvement: Improvement, steps: int
) -> tuple[Certificate, list[Violation]]:
    """Compute every term and check every bound: values at all depths, improvement at all step sizes.

    Args:
        mdp: the closure of an instance, or any tabular MDP.
        policy: pi, shape (S, A).
        evaluator: U at all depths, and the moves of its latent.
        improvement: inverse temperature and step size.
        steps: K.
    """
    truth = exact.policy_value(mdp, policy)
    ledger = Ledger(
        max(value_bounds.sup(evaluator.depths.values), value_bounds.sup(truth), value_bounds.sup(mdp.rewards))
    )
    pairs = check_values(mdp, policy, evaluator, truth, steps, ledger)
    about_steps = check_improvement(mdp, policy, evaluator.at(evaluator.n), truth, improvement, ledger)
    certificate = Certificate(
        states=len(truth),
        actions=policy.shape[1],
        n=evaluator.n,
        m=evaluator.last,
        bootstrap_horizon=steps,
        projected=evaluator.depths.projected,
        checks=ledger.checks,
        violations=len(ledger.violations),
        **pairs[evaluator.n, evaluator.last],
        **about_steps,
    )
    return certificate, ledger.violations
