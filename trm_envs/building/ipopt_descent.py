"""Optimal plans of powered descent by multiple shooting, with IPOPT as CasADi brings it; needs the extra `reference`.

The step is stated by the rocket equation's logarithms and not by the series of our kernels, and the flight time is a
decision. The touchdown and the glide slope may use the checker's tolerances, but for a hundred-thousandth of them, so
that no plan that the checker calls feasible costs less.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from trm_envs.building.ipopt import OPTIONS, Numbers, Solutions, casadi
from trm_envs.control import descent_kernels
from trm_envs.control.lander import (
    DRY_MASS,
    HORIZON,
    SLOPE_TOLERANCE,
    TOUCHDOWN_POSITION,
    TOUCHDOWN_VELOCITY,
    VEHICLE,
)

_UNITS = np.array([1000.0] * 3 + [100.0] * 3 + [1000.0])
"""Of a state in the program: km, 100 m/s and t."""
_NEWTONS, _SECONDS = 1e4, 10.0
"""Units of a thrust and of the flight time in the program."""
_INSIDE = 1.0 - 1e-5
"""Share of the tolerances that may be used."""


def solve_descent(instances: Numbers, starts: Numbers) -> Solutions:
    """Solve from given plans, one problem at a time.

    Args:
        instances: shape (B, 7).
        starts: plans to begin from, shape (B, 3 N + 1).

    Returns:
        Plans whose thrusts are within their bounds to the last bit, and whether each is called optimal.
    """
    solver, bounds = _program()
    n_states = 7 * (HORIZON + 1)
    paths = descent_kernels.rollout(VEHICLE, instances, starts) / _UNITS
    plans, solved = np.empty_like(starts), np.empty(len(instances), np.bool_)
    for b, instance in enumerate(instances):
        guess = np.concatenate([paths[b].reshape(-1), starts[b, :-1] / _NEWTONS, starts[b, -1:] / _SECONDS])
        found = solver(x0=guess, p=instance / _UNITS, **bounds)
        decisions = np.asarray(found["x"]).reshape(-1)[n_states:]
        plans[b, :-1] = decisions[:-1] * _NEWTONS
        plans[b, -1] = np.clip(decisions[-1] * _SECONDS, VEHICLE.time_low, VEHICLE.time_high)
        solved[b] = solver.stats()["success"]
    thrusts = descent_kernels.project(VEHICLE, plans[:, :-1].reshape(-1, 3))
    plans[:, :-1] = thrusts.reshape(len(plans), -1)
    return Solutions(plans, solved)


@cache
def _program() -> tuple[Any, dict[str, Any]]:
    """The NLP over x_0 .. x_N, the thrusts and the flight time, with x_0 as parameter; and its bounds."""
    ca, n = casadi(), HORIZON
    states, thrusts, time = ca.SX.sym("x", 7, n + 1), ca.SX.sym("thrust", 3, n), ca.SX.sym("time")
    given, after = ca.SX.sym("given", 7), _step()
    gaps = [states[:, 0] - given]
    gaps += [states[:, k + 1] - after(states[:, k], thrusts[:, k], time) for k in range(n)]
    norms = [ca.sumsqr(thrusts[:, k]) for k in range(n)]
    room = SLOPE_TOLERANCE * _INSIDE / _UNITS[0]
    slopes = [
        (states[2, k] + room) ** 2 - VEHICLE.slope**2 * ca.sumsqr(states[:2, k]) for k in range(1, n)
    ]  # fmt: skip
    position, velocity = states[:3, n] * _UNITS[0] / TOUCHDOWN_POSITION, states[3:6, n] * _UNITS[3] / TOUCHDOWN_VELOCITY
    misses = [ca.sumsqr(position), ca.sumsqr(velocity)]
    rows = [
        (gaps, 0.0, 0.0),
        (norms, (VEHICLE.thrust_low / _NEWTONS) ** 2, (VEHICLE.thrust_high / _NEWTONS) ** 2),
        (slopes, 0.0, np.inf),
        (misses, -np.inf, _INSIDE**2),
    ]
    constraints = [ca.vertcat(*expressions) for expressions, _, _ in rows]
    sizes = [constraint.shape[0] for constraint in constraints]
    low = np.full((n + 1, 7), -np.inf)
    # Knots 1 to N - 1 are above the ground, where the squares of the glide slope say the same.
    low[1:-1, 2], low[:, 6] = -room, DRY_MASS / _UNITS[6]
    most = np.full(3 * n, VEHICLE.thrust_high / _NEWTONS)
    low = np.concatenate([low.reshape(-1), -most, [VEHICLE.time_low / _SECONDS]])
    high = np.concatenate([np.full(7 * (n + 1), np.inf), most, [VEHICLE.time_high / _SECONDS]])
    bounds = {
        "lbx": low,
        "ubx": high,
        "lbg": np.repeat([row[1] for row in rows], sizes),
        "ubg": np.repeat([row[2] for row in rows], sizes),
    }
    program = {
        "x": ca.vertcat(ca.vec(states), ca.vec(thrusts), time),
        "p": given,
        # In 100 kg.
        "f": 10.0 * (given[6] - states[6, n]),
        "g": ca.vertcat(*constraints),
    }
    options = OPTIONS | {"ipopt": OPTIONS["ipopt"] | {"tol": 1e-9}}
    return ca.nlpsol("solver", "ipopt", program, options), bounds


def _step() -> Any:
    """(x, thrust, flight time) -> x after one step, in the program's units."""
    ca = casadi()
    x, thrust, time = ca.SX.sym("x", 7), ca.SX.sym("thrust", 3), ca.SX.sym("time")
    r, v, m = x[:3] * _UNITS[0], x[3:6] * _UNITS[3], x[6] * _UNITS[6]
    force, dt = thrust * _NEWTONS, time * _SECONDS / HORIZON
    burning = ca.sqrt(ca.sumsqr(force)) / VEHICLE.exhaust
    left = m - burning * dt
    gained = ca.log(m / left)
    fall = ca.DM([0.0, 0.0, -VEHICLE.gravity])
    # The integral over a step of the velocity that the thrust has given.
    covered = force / burning * (dt - left / burning * gained)
    after = ca.vertcat(
        (r + v * dt + covered + fall * dt**2 / 2) / _UNITS[0],
        (v + force / burning * gained + fall * dt) / _UNITS[3],
        left / _UNITS[6],
    )
    return ca.Function("step", [x, thrust, time], [after])
