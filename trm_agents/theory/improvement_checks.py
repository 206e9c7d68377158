"""The bounds on a conservative step, held against the exact returns of the mixture."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trm_agents.theory import improvement_bounds as bounds
from trm_agents.theory import value_bounds
from trm_agents.theory.closure import Closure
from trm_agents.theory.exact import action_values, advantages, expected, performance
from trm_agents.theory.improvement_bounds import Step
from trm_agents.theory.ledger import Ledger
from trm_agents.theory.tabular import Floats, TabularMDP
from trm_agents.upi_trm.improvement import ADVANTAGE_LIMIT

ALPHAS = tuple(float(alpha) for alpha in np.linspace(0.0, 1.0, 21))
ORDERS = (0, 1, 2)
"""Deviations J that (I7) is computed with."""


class Improvement(NamedTuple):
    """A candidate and the step towards it."""

    beta: float
    """Inverse temperature, in units of the root mean square of A_hat under the visits of pi."""
    alpha: float
    checked: tuple[float, ...] = ALPHAS
    """Step sizes at which every bound is checked."""


class Errors(NamedTuple):
    """What the bounds of the paper are written in; sup norms over all states."""

    eps_cand: float
    """sup |sum_a pi_cand (A_hat - A)|."""
    eps_cpi: float
    """sup |sum_a pi_cand A|."""
    eps_cent: float
    """sup |sum_a pi A_hat|."""
    gain: Floats
    """sum_a pi_cand A_hat, shape (S,)."""


def candidate(mdp: TabularMDP, policy: Floats, estimated: Floats, beta: float) -> Floats:
    """pi_cand ~ pi exp(beta A_hat / rms), A_hat / rms within +-10, without a floor: no wider support than pi's."""
    visits = mdp.visits(policy)
    rms = np.sqrt(visits @ expected(policy, estimated**2) / visits.sum())
    scaled = np.clip(estimated / (rms + 1e-6), -ADVANTAGE_LIMIT, ADVANTAGE_LIMIT)
    exponent = np.where(mdp.legal, beta * scaled, -np.inf)
    # The largest exponent of a state cancels, so that none overflows.
    weights = policy * np.exp(exponent - exponent.max(1, keepdims=True))
    out: Floats = weights / weights.sum(1, keepdims=True)
    return out


def mixed(policy: Floats, candidate_policy: Floats, alpha: float) -> Floats:
    """pi_new = (1 - alpha) pi + alpha pi_cand."""
    return (1.0 - alpha) * policy + alpha * candidate_policy


def check_improvement(
    mdp: TabularMDP, policy: Floats, values: Floats, truth: Floats, improvement: Improvement, ledger: Ledger
) -> dict[str, float]:
    """Check (A1), (A2) and (I2) to (I7) at all step sizes; return the terms at the step size asked for.

    Args:
        mdp: the states.
        policy: pi, shape (S, A).
        values: the critic U_n, shape (S,).
        truth: V^pi, shape (S,).
        improvement: candidate and step size.
        ledger: takes the checks.
    """
    q_hat, q = action_values(mdp, values), action_values(mdp, truth)
    estimated, true = advantages(q_hat, policy), advantages(q, policy)
    better = candidate(mdp, policy, estimated, improvement.beta)
    by_critic, by_truth = (
        Step.of(mdp, policy, better, q_hat, values),
        Step.of(mdp, policy, better, q, truth),
    )
    about_advantages = _advantages(mdp, estimated, true, values - truth, ledger)
    errors = errors_of(policy, better, estimated, true)
    ledger.equal("centring", errors.eps_cent, 0.0)
    for alpha in improvement.checked:
        _at(mdp, policy, better, by_critic, by_truth, errors, alpha, ledger)
    terms = _at(mdp, policy, better, by_critic, by_truth, errors, improvement.alpha, ledger)
    terms |= _safe("safe", mdp, policy, better, by_critic, ledger)
    terms |= _safe("exact_safe", mdp, policy, better, by_truth, ledger)
    of_errors = {"eps_cand": errors.eps_cand, "eps_cpi": errors.eps_cpi, "centring_defect": errors.eps_cent}
    return {**about_advantages, **of_errors, **terms, "alpha": improvement.alpha}


def errors_of(policy: Floats, better: Floats, estimated: Floats, true: Floats) -> Errors:
    """The sup norms of the published bound."""
    return Errors(
        value_bounds.sup(expected(better, estimated - true)),
        value_bounds.sup(expected(better, true)),
        value_bounds.sup(expected(policy, estimated)),
        expected(better, estimated),
    )


def _advantages(mdp: TabularMDP, estimated: Floats, true: Floats, error: Floats, ledger: Ledger) -> dict[str, float]:
    worst = value_bounds.sup((estimated - true)[mdp.legal])
    one, two = (
        value_bounds.advantage_bound(mdp.gamma, value_bounds.sup(error)),
        value_bounds.advantage_bound_span(mdp.gamma, error),
    )
    ledger.at_most("A1", worst, one)
    ledger.at_most("A2", worst, two)
    return {"eps_advantage": worst, "advantage_bound": one, "advantage_bound_span": two}


def _at(
    mdp: TabularMDP,
    policy: Floats,
    better: Floats,
    by_critic: Step,
    by_truth: Step,
    errors: Errors,
    alpha: float,
    ledger: Ledger,
) -> dict[str, float]:
    """The terms at one step size, checked."""
    eta, new = performance(mdp, policy), mixed(policy, better, alpha)
    rise, surrogate = performance(mdp, new) - eta, by_critic.rise(alpha)
    lower = {
        "published": surrogate - bounds.penalty(alpha, mdp.gamma, errors.eps_cand, errors.eps_cpi, errors.eps_cent),
        "horizon": surrogate - bounds.penalty_horizon(alpha, mdp.gamma, errors.eps_cand, errors.eps_cpi, mdp.horizon),
        "residual": bounds.residual_bound(by_critic, alpha),
        **{f"deviations_{j}": _deviations(by_critic, alpha, j) for j in ORDERS},
        **{f"exact_{j}": _deviations(by_truth, alpha, j) for j in ORDERS[:2]},
    }
    for name, bound in lower.items():
        ledger.at_most(f"improvement, {name}", bound, rise)
    # (I6) before its penalty is an identity.
    shifted = mdp.visits(new) - by_critic.visits
    ledger.equal("I6", rise, surrogate + shifted @ (by_critic.delta + alpha * by_critic.gain))
    named = {f"rise_{name}": bound for name, bound in lower.items()}
    return {"eta": eta, "rise": rise, "surrogate_rise": surrogate, **named}


def _deviations(step: Step, alpha: float, order: int) -> float:
    """(I7), or no bound at all without a clock."""
    return bounds.deviation_bound(step, alpha, order) if isinstance(step.mdp, Closure) else -np.inf


def _safe(name: str, mdp: TabularMDP, policy: Floats, better: Floats, step: Step, ledger: Ledger) -> dict[str, float]:
    """The step size that the bound chooses, what it certifies there and what the step really brings."""
    alpha, rise = bounds.safe_step([step])
    actual = performance(mdp, mixed(policy, better, alpha)) - performance(mdp, policy)
    ledger.at_most(f"improvement, {name}", rise, actual)
    return {f"{name}_alpha": alpha, f"{name}_rise": rise, f"{name}_rise_actual": actual}
