"""Classical lines for the quadratic systems: LQR, clipped LQR, and iLQR with bounded controls; numpy and numba alone.

They know the dynamics and the cost, where an agent that learns from the checker does not.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trm_envs.continuous.task import Numbers
from trm_envs.control import kernels
from trm_envs.control.quadratic import QuadraticTask
from trm_envs.control.systems import System


class LQR(NamedTuple):
    """The optimal feedback u_k = -gains_k . x_k of a system linearised at its target, without bounds."""

    gains: Numbers
    """Shape (N, 2)."""
    values: Numbers
    """x' values_k x is the cost of the linear system from step k on, shape (N + 1, 2, 2)."""


def lqr(system: System, mu: float = 0.0) -> LQR:
    """Solve the Riccati recursion backwards from the terminal cost."""
    a_pp, a_pv, a_vp, a_vv, b_p, b_v = kernels.jacobian(system.kind, system.time_step, mu, 0.0, 0.0, 0.0)
    A, B = np.array([[a_pp, a_pv], [a_vp, a_vv]]), np.array([b_p, b_v])
    Q, R = np.diag(system.weights[:2]), system.weights[2]
    gains, values = np.empty((system.horizon, 2)), np.empty((system.horizon + 1, 2, 2))
    values[-1] = np.diag(system.weights[3:])
    for k in range(system.horizon - 1, -1, -1):
        P = values[k + 1]
        gains[k] = B @ P @ A / (R + B @ P @ B)
        closed = A - np.outer(B, gains[k])
        # Joseph's form: it stays symmetric and positive definite in floating point.
        values[k] = Q + R * np.outer(gains[k], gains[k]) + closed.T @ P @ closed
    return LQR(gains, values)


def clipped_lqr(task: QuadraticTask, instances: Numbers) -> Numbers:
    """The plans, shape (B, N), that the LQR feedback writes when its controls are clipped to the bounds.

    The gains are those of each instance's own mu.
    """
    system = task.system
    varying = instances[:, 2] if instances.shape[1] > 2 else np.zeros(len(instances))
    kinds, place = np.unique(varying, return_inverse=True)
    gains = np.stack([-lqr(system, mu).gains for mu in kinds.tolist()])[place]
    nothing = np.zeros((len(instances), system.horizon))
    references = np.zeros_like(gains)
    return kernels.play(system.kind, system.time_step, instances, nothing, gains, references, system.u_max)


def ilqr(task: QuadraticTask, instances: Numbers, plans: Numbers, iterations: int) -> tuple[Numbers, Numbers]:
    """Improve plans by iLQR with bounded controls (Gauss-Newton, clamped steps, halving line search).

    Args:
        task: the system.
        instances: shape (B, n).
        plans: where to begin, shape (B, N).
        iterations: how many sweeps.

    Returns:
        Plans, shape (B, N), and the costs after each sweep, shape (B, iterations + 1), which never rise.
    """
    system = task.system
    return kernels.ilqr(system.kind, system.time_step, task.weights, instances, plans, system.u_max, iterations)
