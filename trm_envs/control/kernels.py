"""Jitted simulators of the systems with two states and one control: steps, rollouts, adjoints, feedback, box-iLQR.

All arrays are float64. An instance row is (p, v), or (p, v, mu) for `VAN_DER_POL`; `weights` is (q_p, q_v, r, f_p,
f_v) of the cost J = sum_(k<N) (q_p p_k^2 + q_v v_k^2 + r u_k^2) + f_p p_N^2 + f_v v_N^2. Every row is computed by
itself, so a row's numbers do not depend on its batch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trm_envs.jit import kernel

DOUBLE_INTEGRATOR, VAN_DER_POL = 0, 1
"""Kinds of systems: p'' = u, and p'' = mu (1 - p^2) p' - p + u."""

Numbers = NDArray[np.float64]
State = tuple[float, float]

_SMALLEST_CURVATURE, _SHORTEST_STEP = 1e-9, 2.0**-12
_PATIENCE = 4
"""iLQR ends after so many sweeps in turn that lower nothing, each with ten times the damping."""


@kernel()
def _acceleration(mu: float, p: float, v: float, u: float) -> float:
    return mu * (1.0 - p * p) * v - p + u


@kernel()
def step(kind: int, dt: float, mu: float, p: float, v: float, u: float) -> State:
    """One step with the control held: exact for the double integrator, classical Runge-Kutta for Van der Pol."""
    if kind == DOUBLE_INTEGRATOR:
        return p + v * dt + 0.5 * u * dt * dt, v + u * dt
    half = 0.5 * dt
    a1 = _acceleration(mu, p, v, u)
    v2 = v + half * a1
    a2 = _acceleration(mu, p + half * v, v2, u)
    v3 = v + half * a2
    a3 = _acceleration(mu, p + half * v2, v3, u)
    v4 = v + dt * a3
    a4 = _acceleration(mu, p + dt * v3, v4, u)
    return p + dt / 6.0 * (v + 2.0 * v2 + 2.0 * v3 + v4), v + dt / 6.0 * (a1 + 2.0 * a2 + 2.0 * a3 + a4)


@kernel()
def _tangent(kind: int, dt: float, mu: float, p: float, v: float, u: float, dp: float, dv: float, du: float) -> State:
    """The derivative of `step` along (dp, dv, du)."""
    if kind == DOUBLE_INTEGRATOR:
        return dp + dv * dt + 0.5 * du * dt * dt, dv + du * dt
    half = 0.5 * dt
    rate_p, rate_v, tangent_p, tangent_v, sum_p, sum_v = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for stage in range(4):
        reach = 0.0 if stage == 0 else dt if stage == 3 else half
        weight = 1.0 if stage == 0 or stage == 3 else 2.0
        at_p, at_v = p + reach * rate_p, v + reach * rate_v
        along_p, along_v = dp + reach * tangent_p, dv + reach * tangent_v
        rate_p, rate_v = at_v, _acceleration(mu, at_p, at_v, u)
        tangent_p = along_v
        tangent_v = (-2.0 * mu * at_p * at_v - 1.0) * along_p + mu * (1.0 - at_p * at_p) * along_v + du
        sum_p += weight * tangent_p
        sum_v += weight * tangent_v
    return dp + dt / 6.0 * sum_p, dv + dt / 6.0 * sum_v


@kernel()
def jacobian(
    kind: int, dt: float, mu: float, p: float, v: float, u: float
) -> tuple[float, float, float, float, float, float]:
    """Derivatives of `step`: (A_pp, A_pv, A_vp, A_vv, B_p, B_v), so that dx' = A dx + B du."""
    a_pp, a_vp = _tangent(kind, dt, mu, p, v, u, 1.0, 0.0, 0.0)
    a_pv, a_vv = _tangent(kind, dt, mu, p, v, u, 0.0, 1.0, 0.0)
    b_p, b_v = _tangent(kind, dt, mu, p, v, u, 0.0, 0.0, 1.0)
    return a_pp, a_pv, a_vp, a_vv, b_p, b_v


@kernel()
def stage_cost(weights: Numbers, p: float, v: float, u: float) -> float:
    """The cost of one step."""
    cost: float = weights[0] * p * p + weights[1] * v * v + weights[2] * u * u
    return cost


@kernel()
def terminal_cost(weights: Numbers, p: float, v: float) -> float:
    """The cost of ending in a state."""
    cost: float = weights[3] * p * p + weights[4] * v * v
    return cost


@kernel()
def _mu(kind: int, instance: Numbers) -> float:
    return instance[2] if kind == VAN_DER_POL else 0.0


@kernel()
def steps(kind: int, dt: float, instances: Numbers, states: Numbers, controls: Numbers) -> Numbers:
    """One step from each state, shape (B, 2), under one control each, shape (B,)."""
    after = np.empty_like(states)
    for b in range(len(states)):
        mu = _mu(kind, instances[b])
        after[b, 0], after[b, 1] = step(kind, dt, mu, states[b, 0], states[b, 1], controls[b])
    return after


@kernel()
def rollout(kind: int, dt: float, weights: Numbers, instances: Numbers, controls: Numbers) -> tuple[Numbers, Numbers]:
    """Play controls, shape (B, N): states, shape (B, N + 1, 2), and costs J, shape (B,)."""
    batch, horizon = controls.shape
    states, costs = np.empty((batch, horizon + 1, 2)), np.empty(batch)
    for b in range(batch):
        p, v, mu, total = instances[b, 0], instances[b, 1], _mu(kind, instances[b]), 0.0
        for k in range(horizon):
            states[b, k, 0], states[b, k, 1] = p, v
            total += stage_cost(weights, p, v, controls[b, k])
            p, v = step(kind, dt, mu, p, v, controls[b, k])
        states[b, horizon, 0], states[b, horizon, 1] = p, v
        costs[b] = total + terminal_cost(weights, p, v)
    return states, costs


@kernel()
def adjoint(
    kind: int, dt: float, weights: Numbers, instances: Numbers, controls: Numbers, states: Numbers
) -> tuple[Numbers, Numbers]:
    """Derivatives of J: dJ/du, shape (B, N), and the costates dJ/dx_k, shape (B, N + 1, 2), of a rollout."""
    batch, horizon = controls.shape
    gradient, costates = np.empty((batch, horizon)), np.empty((batch, horizon + 1, 2))
    for b in range(batch):
        mu = _mu(kind, instances[b])
        c_p, c_v = 2.0 * weights[3] * states[b, horizon, 0], 2.0 * weights[4] * states[b, horizon, 1]
        costates[b, horizon, 0], costates[b, horizon, 1] = c_p, c_v
        for k in range(horizon - 1, -1, -1):
            p, v, u = states[b, k, 0], states[b, k, 1], controls[b, k]
            a_pp, a_pv, a_vp, a_vv, b_p, b_v = jacobian(kind, dt, mu, p, v, u)
            gradient[b, k] = 2.0 * weights[2] * u + b_p * c_p + b_v * c_v
            c_p, c_v = (
                2.0 * weights[0] * p + a_pp * c_p + a_vp * c_v,
                2.0 * weights[1] * v + a_pv * c_p + a_vv * c_v,
            )
            costates[b, k, 0], costates[b, k, 1] = c_p, c_v
    return gradient, costates


@kernel()
def play(
    kind: int,
    dt: float,
    instances: Numbers,
    feedforward: Numbers,
    gains: Numbers,
    references: Numbers,
    u_max: float,
) -> Numbers:
    """The controls u_k = clip(feedforward_k + gains_k . (x_k - references_k)) that a feedback writes, shape (B, N).

    Args:
        kind: of the system.
        dt: length of a step in s.
        instances: shape (B, 2 or 3).
        feedforward: shape (B, N).
        gains: shape (B, N, 2).
        references: states that the feedback steers to, shape (B, N, 2).
        u_max: bound of the control.
    """
    batch, horizon = feedforward.shape
    controls = np.empty((batch, horizon))
    for b in range(batch):
        p, v, mu = instances[b, 0], instances[b, 1], _mu(kind, instances[b])
        for k in range(horizon):
            u = feedforward[b, k]
            u += gains[b, k, 0] * (p - references[b, k, 0]) + gains[b, k, 1] * (v - references[b, k, 1])
            u = min(u_max, max(-u_max, u))
            controls[b, k] = u
            p, v = step(kind, dt, mu, p, v, u)
    return controls


@kernel()
def play_adjoint(
    kind: int,
    dt: float,
    weights: Numbers,
    instances: Numbers,
    gains: Numbers,
    references: Numbers,
    controls: Numbers,
    states: Numbers,
    u_max: float,
    inward: bool,
) -> tuple[Numbers, Numbers]:
    """Derivatives of J through the feedback of `play`.

    Args:
        kind: of the system.
        dt: length of a step in s.
        weights: of the cost, shape (5,).
        instances: shape (B, 2 or 3).
        gains: shape (B, N, 2).
        references: shape (B, N, 2).
        controls: what `play` has written, shape (B, N).
        states: their rollout, shape (B, N + 1, 2).
        u_max: bound of the control.
        inward: keep, where a control is clipped, the derivative that leads back inside the bounds. The exact one is 0
            there, and nothing that only sees clipped controls would learn from it.

    Returns:
        dJ/dfeedforward, shape (B, N), and dJ/dgains, shape (B, N, 2). dJ/dreferences is -gains * dJ/dfeedforward.
    """
    batch, horizon = controls.shape
    of_feedforward, of_gains = np.empty((batch, horizon)), np.empty((batch, horizon, 2))
    for b in range(batch):
        mu = _mu(kind, instances[b])
        c_p, c_v = 2.0 * weights[3] * states[b, horizon, 0], 2.0 * weights[4] * states[b, horizon, 1]
        for k in range(horizon - 1, -1, -1):
            p, v, u = states[b, k, 0], states[b, k, 1], controls[b, k]
            a_pp, a_pv, a_vp, a_vv, b_p, b_v = jacobian(kind, dt, mu, p, v, u)
            of_control = 2.0 * weights[2] * u + b_p * c_p + b_v * c_v
            clipped = abs(u) >= u_max
            kept = of_control if not clipped or (inward and of_control * u > 0.0) else 0.0
            of_feedforward[b, k] = kept
            of_gains[b, k, 0] = kept * (p - references[b, k, 0])
            of_gains[b, k, 1] = kept * (v - references[b, k, 1])
            through = 0.0 if clipped else of_control
            c_p, c_v = (
                2.0 * weights[0] * p + a_pp * c_p + a_vp * c_v + gains[b, k, 0] * through,
                2.0 * weights[1] * v + a_pv * c_p + a_vv * c_v + gains[b, k, 1] * through,
            )
    return of_feedforward, of_gains


@kernel()
def _backward(
    kind: int,
    dt: float,
    weights: Numbers,
    mu: float,
    controls: Numbers,
    states: Numbers,
    u_max: float,
    damping: float,
    changes: Numbers,
    gains: Numbers,
) -> None:
    """The Gauss-Newton Riccati sweep of J / 2 around a rollout, with each step's change clamped to the bounds."""
    horizon = len(controls)
    s_p, s_v = weights[3] * states[horizon, 0], weights[4] * states[horizon, 1]
    s_pp, s_pv, s_vv = weights[3], 0.0, weights[4]
    for k in range(horizon - 1, -1, -1):
        p, v, u = states[k, 0], states[k, 1], controls[k]
        a_pp, a_pv, a_vp, a_vv, b_p, b_v = jacobian(kind, dt, mu, p, v, u)
        m_p, m_v = s_pp * b_p + s_pv * b_v, s_pv * b_p + s_vv * b_v
        q_u = weights[2] * u + b_p * s_p + b_v * s_v
        q_uu = weights[2] + b_p * m_p + b_v * m_v
        q_up, q_uv = m_p * a_pp + m_v * a_vp, m_p * a_pv + m_v * a_vv
        change = -q_u / (q_uu + damping)
        free = abs(u + change) <= u_max
        change = change if free else min(u_max, max(-u_max, u + change)) - u
        g_p, g_v = (-q_up / (q_uu + damping), -q_uv / (q_uu + damping)) if free else (0.0, 0.0)
        changes[k], gains[k, 0], gains[k, 1] = change, g_p, g_v
        n_pp, n_pv = s_pp * a_pp + s_pv * a_vp, s_pp * a_pv + s_pv * a_vv
        n_vp, n_vv = s_pv * a_pp + s_vv * a_vp, s_pv * a_pv + s_vv * a_vv
        pull = q_uu * change + q_u
        s_p, s_v = (
            weights[0] * p + a_pp * s_p + a_vp * s_v + g_p * pull + q_up * change,
            weights[1] * v + a_pv * s_p + a_vv * s_v + g_v * pull + q_uv * change,
        )
        s_pp = weights[0] + a_pp * n_pp + a_vp * n_vp + g_p * q_uu * g_p + 2.0 * g_p * q_up
        s_pv = a_pp * n_pv + a_vp * n_vv + g_p * q_uu * g_v + g_p * q_uv + g_v * q_up
        s_vv = weights[1] + a_pv * n_pv + a_vv * n_vv + g_v * q_uu * g_v + 2.0 * g_v * q_uv


@kernel()
def _search(
    kind: int,
    dt: float,
    weights: Numbers,
    instances: Numbers,
    controls: Numbers,
    states: Numbers,
    changes: Numbers,
    gains: Numbers,
    u_max: float,
    cost: float,
) -> tuple[Numbers, Numbers, float]:
    """The first step of a halving line search that lowers the cost: controls, states and cost; the old ones if none.

    All arrays have a batch of one.
    """
    size = 1.0
    while size >= _SHORTEST_STEP:
        tried = play(kind, dt, instances, controls + size * changes, gains, states[:, :-1], u_max)
        path, found = rollout(kind, dt, weights, instances, tried)
        if found[0] < cost:
            return tried, path, found[0]
        size *= 0.5
    return controls, states, cost


@kernel()
def ilqr(
    kind: int, dt: float, weights: Numbers, instances: Numbers, controls: Numbers, u_max: float, iterations: int
) -> tuple[Numbers, Numbers]:
    """Box-constrained iLQR from given controls, shape (B, N): controls, and costs after each iteration.

    Returns:
        Controls, shape (B, N), and costs, shape (B, iterations + 1), which never rise.
    """
    batch, horizon = controls.shape
    found, costs = np.empty((batch, horizon)), np.empty((batch, iterations + 1))
    changes, gains = np.empty((1, horizon)), np.empty((1, horizon, 2))
    for b in range(batch):
        instance, plan, damping = instances[b : b + 1], controls[b : b + 1].copy(), _SMALLEST_CURVATURE
        path, first = rollout(kind, dt, weights, instance, plan)
        cost = first[0]
        costs[b, 0] = cost
        mu, failures = _mu(kind, instances[b]), 0
        for iteration in range(iterations):
            _backward(kind, dt, weights, mu, plan[0], path[0], u_max, damping, changes[0], gains[0])
            plan, path, lower = _search(kind, dt, weights, instance, plan, path, changes, gains, u_max, cost)
            if lower < cost:
                damping, failures = max(_SMALLEST_CURVATURE, 0.1 * damping), 0
            else:
                damping, failures = max(1e-3, 10.0 * damping), failures + 1
            cost = lower
            costs[b, iteration + 1 :] = cost
            if failures == _PATIENCE:
                break
        found[b] = plan[0]
    return found, costs
