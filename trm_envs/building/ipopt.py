"""Optimal plans of the quadratic systems by multiple shooting, with IPOPT as CasADi brings it.

Needs the extra `reference`. The NLP states the system anew, from the formulas and not from our kernels, so that an
error in either would show.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trm_envs.control.kernels import VAN_DER_POL, rollout
from trm_envs.control.quadratic import QuadraticTask
from trm_envs.control.systems import System

Numbers = NDArray[np.float64]

OPTIONS: dict[str, Any] = {
    "print_time": False,
    "expand": True,
    "ipopt": {"print_level": 0, "sb": "yes", "tol": 1e-10, "max_iter": 500, "bound_relax_factor": 0.0},
}


class Solutions(NamedTuple):
    """What the solver gives."""

    plans: Numbers
    """Shape (B, N)."""
    solved: NDArray[np.bool_]
    """Whether it reports an optimum, shape (B,)."""


def casadi() -> Any:
    """The library.

    Raises:
        ImportError: it is missing; names the extra.
    """
    try:
        import casadi
    except ImportError as error:
        raise ImportError("reference optima need CasADi: pip install trm-plan-edit[reference]") from error
    return casadi


def version() -> str:
    """What has solved, for the manifest."""
    return f"IPOPT of CasADi {casadi().__version__}, multiple shooting, exact Hessian"


def solve(task: QuadraticTask, instances: Numbers, starts: Numbers) -> Solutions:
    """Solve from given plans, one problem at a time.

    Args:
        task: the system.
        instances: shape (B, n).
        starts: plans to begin from, shape (B, N).
    """
    system, u_max = task.system, task.system.u_max
    solver, n_states = _program(system), 2 * (system.horizon + 1)
    low = np.concatenate([np.full(n_states, -np.inf), np.full(system.horizon, -u_max)])
    paths, _ = rollout(system.kind, system.time_step, task.weights, instances, starts)
    plans, solved = np.empty_like(starts), np.empty(len(instances), np.bool_)
    for b, instance in enumerate(instances):
        guess = np.concatenate([paths[b].reshape(-1), starts[b]])
        found = solver(x0=guess, p=np.resize(instance, 3), lbx=low, ubx=-low, lbg=0.0, ubg=0.0)
        plans[b] = np.asarray(found["x"]).reshape(-1)[n_states:]
        solved[b] = solver.stats()["success"]
    # An interior point stops just short of a bound that binds.
    near = np.abs(plans) > u_max * (1.0 - 1e-6)
    return Solutions(np.where(near, np.copysign(u_max, plans), plans), solved)


@cache
def _program(system: System) -> Any:
    """The NLP over x_0 .. x_N and u_0 .. u_(N-1), with (p_0, v_0, mu) as parameters."""
    ca = casadi()
    states, controls = ca.SX.sym("x", 2, system.horizon + 1), ca.SX.sym("u", system.horizon)
    given = ca.SX.sym("given", 3)
    q_p, q_v, r, f_p, f_v = system.weights
    after = _step(system)
    cost, gaps = 0.0, [states[:, 0] - given[:2]]
    for k in range(system.horizon):
        cost += q_p * states[0, k] ** 2 + q_v * states[1, k] ** 2 + r * controls[k] ** 2
        gaps.append(states[:, k + 1] - after(states[:, k], controls[k], given[2]))
    cost += f_p * states[0, system.horizon] ** 2 + f_v * states[1, system.horizon] ** 2
    program = {"x": ca.vertcat(ca.vec(states), controls), "p": given, "f": cost, "g": ca.vertcat(*gaps)}
    return ca.nlpsol("solver", "ipopt", program, OPTIONS)


def _step(system: System) -> Any:
    """(x, u, mu) -> x after one step."""
    ca = casadi()
    x, u, mu, h = ca.SX.sym("x", 2), ca.SX.sym("u"), ca.SX.sym("mu"), system.time_step
    if system.kind == VAN_DER_POL:
        rate = ca.Function("rate", [x, u, mu], [ca.vertcat(x[1], mu * (1 - x[0] ** 2) * x[1] - x[0] + u)])
        k1 = rate(x, u, mu)
        k2 = rate(x + h / 2 * k1, u, mu)
        k3 = rate(x + h / 2 * k2, u, mu)
        k4 = rate(x + h * k3, u, mu)
        after = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    else:
        after = ca.vertcat(x[0] + h * x[1] + h**2 / 2 * u, x[1] + h * u)
    return ca.Function("step", [x, u, mu], [after])
