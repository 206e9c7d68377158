"""Lower bounds on eta(pi_new) - eta(pi) for pi_new = (1 - alpha) pi + alpha pi_cand: one equation a function.

`gain` is f(s) = sum_a pi_cand(a|s) A(s, a), shape (S,), with exact or estimated advantages; d are the discounted visits
of pi, which sum to at most 1 / (1 - gamma). Every bound is the surrogate's rise alpha sum_s d(s) f(s) minus a penalty.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from trm_agents.theory.closure import Closure
from trm_agents.theory.exact import advantages, expected, total_variation
from trm_agents.theory.tabular import Floats, TabularMDP
from trm_agents.theory.value_bounds import geometric, span
from trm_agents.upi_trm.step_sizes import ALPHAS, safe


def surrogate_rise(visits: Floats, gain: Floats, alpha: float) -> float:
    """(I1) L_hat - eta(pi) = alpha sum_s d(s) f(s)."""
    return float(alpha * (visits @ gain))


def penalty(alpha: float, gamma: float, eps_cand: float, eps_cpi: float, eps_cent: float = 0.0) -> float:
    """(I2) As published: what L_hat loses.

    ((1 - alpha) eps_cent + alpha eps_cand) / (1 - gamma) + 2 eps_cpi gamma alpha^2 / (1 - gamma)^2, where
    eps_cand = sup |sum_a pi_cand (A_hat - A)|, eps_cpi = sup |sum_a pi_cand A|, and eps_cent = sup |sum_a pi A_hat| is
    zero for exact centring.
    """
    if gamma == 1.0:
        return np.inf
    first = ((1.0 - alpha) * eps_cent + alpha * eps_cand) / (1.0 - gamma)
    return first + 2.0 * eps_cpi * gamma * alpha**2 / (1.0 - gamma) ** 2


def deviations(alpha: float, steps: int) -> Floats:
    """1 - (1 - alpha)^t for t < `steps`: the chance that the mixture has drawn the candidate before step t."""
    out: Floats = 1.0 - np.power(1.0 - alpha, np.arange(steps), dtype=np.float64)
    return out


def penalty_horizon(alpha: float, gamma: float, eps_cand: float, eps_cpi: float, steps: float) -> float:
    """(I3) As (I2) with exact centring, for episodes of at most T steps and without rounding up.

    alpha eps_cand sum_{t<T} gamma^t + 2 alpha eps_cpi sum_{t<T} gamma^t (1 - (1 - alpha)^t); T may be inf.
    """
    total = geometric(gamma, steps)
    drifted = total - geometric(gamma * (1.0 - alpha), steps)
    return float(alpha * eps_cand * total + 2.0 * alpha * eps_cpi * drifted)


def penalty_total_variation(mdp: TabularMDP, visits: Floats, variation: Floats, change: Floats, alpha: float) -> float:
    """(I4) Weighted by visits, with total variation and span; needs no V^pi.

    sum_s (d_new - d)(s) g(s) >= -span(g) alpha sum_s d(s) TV(s) gamma sum_{j < T(s) - 1} gamma^j, T(s) the steps left.

    Args:
        mdp: the MDP.
        visits: d.
        variation: TV(s) between pi and pi_cand.
        change: g = delta + alpha f, see `residual_bound`.
        alpha: step size.
    """
    after = mdp.gamma * geometric(mdp.gamma, np.maximum(mdp.steps_left - 1.0, 0.0))
    return float(span(change) * alpha * (visits @ (variation * after)))


def drift(per_step: Floats, alpha: float) -> Floats:
    """Bound on TV between where pi_new and pi are after t edits: min(alpha sum_{k<t} E TV(s_k), 1 - (1 - alpha)^t).

    `per_step` is E_pi[TV(s_k)], shape (T,), where an episode that has ended counts as zero.
    """
    before = np.concatenate([[0.0], np.cumsum(per_step)[:-1]])
    out: Floats = np.minimum(alpha * before, deviations(alpha, len(per_step)))
    return out


def penalty_by_clock(per_step: Floats, spans: Floats, alpha: float, gamma: float) -> float:
    """(I5) As (I4), clock by clock: sum_t gamma^t drift(t) span_t(g), both of shape (T,)."""
    return float(gamma ** np.arange(len(spans)) @ (drift(per_step, alpha) * spans))


class Step(NamedTuple):
    """A policy, a candidate and a critic U on one MDP: all that the residual bounds need."""

    mdp: TabularMDP
    policy: Floats
    candidate: Floats
    visits: Floats
    gain: Floats
    """f(s) = sum_a pi_cand(a|s) A_U(s, a), with Q_U = r + gamma U(s')."""
    delta: Floats
    """T_1 U - U under pi; zero for U = V^pi."""

    @classmethod
    def of(cls, mdp: TabularMDP, policy: Floats, candidate: Floats, q: Floats, values: Floats) -> Step:
        """From Q_U and U."""
        gain = expected(candidate, advantages(q, policy))
        delta = expected(policy, q) - values
        return cls(mdp, policy, candidate, mdp.visits(policy), gain, delta)

    @property
    def variation(self) -> Floats:
        """TV(s) of pi and pi_cand."""
        return total_variation(self.policy, self.candidate)

    def rise(self, alpha: float) -> float:
        """(I1)."""
        return surrogate_rise(self.visits, self.gain, alpha)

    def change(self, alpha: float) -> Floats:
        """G = delta + alpha f = T_1 U - U under pi_new, shape (S,)."""
        return self.delta + alpha * self.gain


def residual_bound(step: Step, alpha: float) -> float:
    """(I6) eta(pi_new) - eta(pi) >= alpha sum_s d(s) f(s) - penalty (I4 or I5), for any critic U whatever its error.

    Exact before the penalty: eta(pi_new) - eta(pi) = alpha d.f + (d_new - d).(delta + alpha f).
    """
    change = step.change(alpha)
    if isinstance(step.mdp, Closure):
        return step.rise(alpha) - _clocked(step, step.mdp, change, alpha)
    return step.rise(alpha) - penalty_total_variation(step.mdp, step.visits, step.variation, change, alpha)


def _clocked(step: Step, closure: Closure, change: Floats, alpha: float) -> float:
    spans = np.array([span(part) for part in closure.by_layer(change)])
    return penalty_by_clock(variation_by_clock(step, closure), spans, alpha, closure.gamma)


def variation_by_clock(step: Step, closure: Closure) -> Floats:
    """E_pi[TV(s_t)] for every clock t, shape (T,)."""
    parts = zip(closure.by_layer(step.visits), closure.by_layer(step.variation), strict=True)
    discounts = closure.gamma ** np.arange(len(closure.layers))
    # With gamma = 0 only the first state is visited with any weight, and nothing later is ever weighed.
    mass: Floats = np.array([d @ v for d, v in parts])
    return mass / np.where(discounts > 0.0, discounts, 1.0)


def deviation_bound(step: Step, alpha: float, order: int) -> float:
    """(I7) eta(pi_new) - eta(pi) with up to J = `order` deviations from pi exact, and the rest at its worst.

    pi_new = K + D with K = min(pi, pi_new) and D = alpha (pi_cand - pi)^+, the deviations. With G_0 = g + gamma K G_0
    and G_j = gamma D G_(j-1) + gamma K G_j, the value of g = delta + alpha f under pi_new is sum_j G_j, hence

    eta(pi_new) - eta(pi) >= sum_{j<=J} G_j(s_0) - d.delta - sum_t gamma^t tail_J(t) max(0, -min_t g),

    where tail_J(t) bounds the chance of more than J deviations before step t, and min_t is over the states of clock t.
    With J = 1 the closure under pi and one deviation is all that is needed; with J = T - 1 nothing is left over. For
    f >= 0 and U = V^pi nothing is lost either: the policy improvement theorem.
    """
    closure = step.mdp
    assert isinstance(closure, Closure)
    change = step.change(alpha)
    kept = np.minimum(step.policy, (1.0 - alpha) * step.policy + alpha * step.candidate)
    deviating = alpha * np.maximum(step.candidate - step.policy, 0.0)
    term = closure.accumulate(kept, change)
    total = term
    for _ in range(order):
        term = closure.accumulate(kept, closure.gamma * expected(deviating, closure.ahead(term)))
        total = total + term
    worst = np.array([max(0.0, -float(part.min())) for part in closure.by_layer(change)])
    loss = closure.gamma ** np.arange(len(worst)) @ (_tails(closure, kept, deviating, order) * worst)
    return float(closure.start @ total - step.visits @ step.delta - loss)


def safe_step(steps: Sequence[Step], alphas: Floats = ALPHAS) -> tuple[float, float]:
    """One step size for some MDPs, chosen by the mean of their bounds: (I7) with J = 1, or (I6) without a clock."""

    def bound(step: Step, alpha: float) -> float:
        clocked = isinstance(step.mdp, Closure)
        return deviation_bound(step, alpha, 1) if clocked else residual_bound(step, alpha)

    return safe([float(np.mean([bound(step, float(alpha)) for step in steps])) for alpha in alphas], alphas)


def _tails(closure: Closure, kept: Floats, deviating: Floats, order: int) -> Floats:
    """tail_J(t) for every clock t: what has left the paths with at most J deviations, shape (T,)."""
    masses = [closure.start.copy() if j == 0 else np.zeros_like(closure.start) for j in range(order + 1)]
    tails = np.zeros(len(closure.layers))
    for t, rows in enumerate(closure.layers[:-1]):
        following = closure.following[rows]
        live = following >= 0
        leaving = 0.0
        for j in reversed(range(order + 1)):
            off = masses[j][rows, None] * deviating[rows]
            stay = masses[j][rows, None] * kept[rows]
            masses[j] += np.bincount(following[live], stay[live], len(closure.start))
            if j == order:
                leaving = float(off[live].sum())
            else:
                masses[j + 1] += np.bincount(following[live], off[live], len(closure.start))
        tails[t + 1] = tails[t] + leaving
    return tails
