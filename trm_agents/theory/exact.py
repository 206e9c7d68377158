"""Exact dynamic programming on a tabular MDP: one equation a function. pi and A have shape (S, A), values (S,)."""

from __future__ import annotations

from trm_agents.theory.tabular import Floats, TabularMDP


def expected(policy: Floats, q: Floats) -> Floats:
    """E_pi q (s) = sum_a pi(a|s) q(s, a), shape (S,)."""
    out: Floats = (policy * q).sum(1)
    return out


def action_values(mdp: TabularMDP, values: Floats) -> Floats:
    """Q(s, a) = r(s, a) + gamma E[v(s') | s, a], shape (S, A)."""
    return mdp.rewards + mdp.gamma * mdp.ahead(values)


def bellman(mdp: TabularMDP, policy: Floats, values: Floats, steps: int = 1) -> Floats:
    """Apply T_K, the K-step Bellman operator of pi, K = `steps`; nothing is bootstrapped past a terminal."""
    for _ in range(steps):
        values = expected(policy, action_values(mdp, values))
    return values


def policy_value(mdp: TabularMDP, policy: Floats) -> Floats:
    """V^pi, the fixed point of T_1: backward induction over the clock, or a linear solve where there is none."""
    return mdp.accumulate(policy, expected(policy, mdp.rewards))


def performance(mdp: TabularMDP, policy: Floats) -> float:
    """eta(pi) = E[V^pi(s_0)]."""
    return float(mdp.start @ policy_value(mdp, policy))


def advantages(q: Floats, policy: Floats) -> Floats:
    """A(s, a) = Q(s, a) - sum_b pi(b|s) Q(s, b): exactly centred under pi; meaningless on illegal actions."""
    return q - expected(policy, q)[:, None]


def total_variation(policy: Floats, other: Floats) -> Floats:
    """TV(s) = 1/2 sum_a |pi'(a|s) - pi(a|s)|, shape (S,)."""
    out: Floats = 0.5 * abs(other - policy).sum(1)
    return out
