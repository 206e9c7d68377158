"""Jitted simulator of a vehicle that lands with rocket thrust: steps both ways, adjoints, feedback, restoration.

All arrays are float64 and in SI units. A state row is (x, y, z, v_x, v_y, v_z, m) in m, m/s and kg, the pad at the
origin, z upwards; an instance row is the first state. A plan row is N thrust vectors in N, step by step, and the flight
time t_f in s. Each thrust is held for t_f / N while the mass falls by |T| / exhaust a second, and the step is exact:
with w = |T| dt / (exhaust m), the share of the mass that is burnt, the rocket equation's integrals are series in w.
Every row is computed by itself, without BLAS, so a row's numbers do not depend on its batch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trm_envs.control.lander import Vehicle
from trm_envs.jit import kernel

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

_TERMS = 12
"""Of the series; w is below 0.02 for every flight of up to 100 s, and w^12 below 1e-20."""
_MARGIN = 2e-15
"""Share of a bound by which a projected thrust stays inside, so that rounding never leaves it there."""
_AT_BOUND = 1e-6
"""A thrust within this share of a bound counts as at it."""
_RIDGE = 1e-10
"""Added to the unit diagonal of normal equations: constraints of neighbouring knots are nearly the same one."""
_CLOSE_POSITION, _CLOSE_VELOCITY, _CLOSE_SLOPE, _ACTIVE = 1e-4, 1e-5, 5e-3, 0.02
"""A restoration ends within the first two of the pad in m and m/s, and the third below the glide slope in m; `reduced`
holds knots there that are at most the fourth above it."""
TIME_UNIT = 3.0
"""Change of the flight time in s that `reduced` takes for as large as one of a thrust by its upper bound."""
_TURNS = 12
"""Changes of an active set before it is taken as it is."""


@kernel()
def _series(burnt: float) -> tuple[float, float, float]:
    """f1 = sum w^j / (j + 1), f2 = sum w^j / ((j + 1) (j + 2)) and f3 = sum w^j / (j + 2)."""
    f2, f3 = 0.0, 0.0
    for j in range(_TERMS - 1, -1, -1):
        f2 = f2 * burnt + 1.0 / ((j + 1.0) * (j + 2.0))
        f3 = f3 * burnt + 1.0 / (j + 2.0)
    return 1.0 + burnt * f3, f2, f3


@kernel()
def _dot(left: Numbers, right: Numbers) -> float:
    """The inner product of two vectors; a loop, which needs no array for the products."""
    total = 0.0
    for i in range(len(left)):
        total += left[i] * right[i]
    return total


@kernel()
def _norm(vector: Numbers) -> float:
    """The length of a vector of three numbers."""
    return float(np.sqrt(_dot(vector, vector)))


@kernel()
def _forward(vehicle: Vehicle, dt: float, before: Numbers, thrust: Numbers, after: Numbers) -> None:
    """One exact step, written to `after`."""
    mass, burning = before[6], _norm(thrust) / vehicle.exhaust
    f1, f2, _ = _series(burning * dt / mass)
    for i in range(3):
        fall = -vehicle.gravity * dt if i == 2 else 0.0
        push = thrust[i] * dt / mass
        after[i] = before[i] + (before[3 + i] + push * f2 + 0.5 * fall) * dt
        after[3 + i] = before[3 + i] + push * f1 + fall
    after[6] = mass - burning * dt


@kernel()
def _backward(vehicle: Vehicle, dt: float, after: Numbers, thrust: Numbers, before: Numbers) -> None:
    """The inverse of `_forward`, written to `before`."""
    burning = _norm(thrust) / vehicle.exhaust
    mass = after[6] + burning * dt
    f1, f2, _ = _series(burning * dt / mass)
    for i in range(3):
        fall = -vehicle.gravity * dt if i == 2 else 0.0
        push = thrust[i] * dt / mass
        before[3 + i] = after[3 + i] - push * f1 - fall
        before[i] = after[i] - (before[3 + i] + push * f2 + 0.5 * fall) * dt
    before[6] = mass


@kernel()
def rollout(vehicle: Vehicle, instances: Numbers, plans: Numbers) -> Numbers:
    """Play plans, shape (B, 3 N + 1): states x_0 .. x_N, shape (B, N + 1, 7)."""
    batch, horizon = len(plans), plans.shape[1] // 3
    states = np.empty((batch, horizon + 1, 7))
    for b in range(batch):
        dt = plans[b, 3 * horizon] / horizon
        states[b, 0] = instances[b]
        for k in range(horizon):
            _forward(vehicle, dt, states[b, k], plans[b, 3 * k : 3 * k + 3], states[b, k + 1])
    return states


@kernel()
def rewind(vehicle: Vehicle, endings: Numbers, plans: Numbers) -> Numbers:
    """Play plans backwards from last states, shape (B, 7): states x_0 .. x_N, shape (B, N + 1, 7)."""
    batch, horizon = len(plans), plans.shape[1] // 3
    states = np.empty((batch, horizon + 1, 7))
    for b in range(batch):
        dt = plans[b, 3 * horizon] / horizon
        states[b, horizon] = endings[b]
        for k in range(horizon - 1, -1, -1):
            _backward(vehicle, dt, states[b, k + 1], plans[b, 3 * k : 3 * k + 3], states[b, k])
    return states


@kernel()
def _sensitivity(vehicle: Vehicle, plan: Numbers, states: Numbers, knot: int, costate: Numbers, row: Numbers) -> None:
    """The derivative of costate . x_knot by the plan, written to `row`, shape (3 N + 1,); the adjoint of the steps."""
    horizon = len(plan) // 3
    dt, c = plan[3 * horizon] / horizon, costate.copy()
    row[:], of_dt = 0.0, 0.0
    for k in range(knot - 1, -1, -1):
        thrust, mass, after = plan[3 * k : 3 * k + 3], states[k, 6], states[k + 1]
        length = _norm(thrust)
        burnt = length * dt / (vehicle.exhaust * mass)
        f1, f2, f3 = _series(burnt)
        along_r, along_v = _dot(c[:3], thrust), _dot(c[3:6], thrust)
        # Through the norm: w f1' = 1 / (1 - w) - f1 and w f2' = f1 - 2 f2.
        radial = dt / mass * (along_r * dt * (f1 - 2.0 * f2) + along_v * (1.0 / (1.0 - burnt) - f1)) / length
        radial -= c[6] * dt / vehicle.exhaust
        # By the length of the step: the rates of the state at its end.
        of_dt += _dot(c[:3], after[3:6]) + along_v / after[6] - c[5] * vehicle.gravity - c[6] * length / vehicle.exhaust
        for i in range(3):
            row[3 * k + i] = dt / mass * (dt * f2 * c[i] + f1 * c[3 + i]) + radial * thrust[i] / length
        c[6] -= along_r * dt * dt / (mass * mass) * f3 + along_v * dt / (mass * after[6])
        c[3:6] += dt * c[:3]
    row[3 * horizon] = of_dt / horizon


@kernel()
def sensitivities(
    vehicle: Vehicle, plans: Numbers, states: Numbers, knots: NDArray[np.int64], costates: Numbers
) -> Numbers:
    """The derivatives of costates, shape (B, 7), . x_knots by the plans, shape (B, 3 N + 1); knots have shape (B,)."""
    rows = np.empty_like(plans)
    for b in range(len(plans)):
        _sensitivity(vehicle, plans[b], states[b], knots[b], costates[b], rows[b])
    return rows


@kernel()
def _to_shell(vehicle: Vehicle, thrust: Numbers) -> None:
    """Bring the norm of a thrust into its bounds, in place; no thrust at all becomes the smallest one upwards."""
    length = _norm(thrust)
    if length == 0.0:
        thrust[2] = vehicle.thrust_low * (1.0 + _MARGIN)
    elif length < vehicle.thrust_low or length > vehicle.thrust_high:
        inside = min(vehicle.thrust_high * (1.0 - _MARGIN), max(vehicle.thrust_low * (1.0 + _MARGIN), length))
        thrust *= inside / length


@kernel()
def project(vehicle: Vehicle, thrusts: Numbers) -> Numbers:
    """Thrusts, shape (B, 3), with their norms brought into the bounds."""
    found = thrusts.copy()
    for b in range(len(found)):
        _to_shell(vehicle, found[b])
    return found


@kernel()
def play(vehicle: Vehicle, instances: Numbers, feedforward: Numbers, gains: Numbers, references: Numbers) -> Numbers:
    """The plans that a feedback writes: T_k = feedforward_k + gains_k (x_k - references_k), brought into the bounds.

    Feedforward has shape (B, 3 N + 1); gains (B, N, 3, 6) and references (B, N, 6) are of position and velocity.
    """
    plans = feedforward.copy()
    horizon = gains.shape[1]
    here, after = np.empty(7), np.empty(7)
    for b in range(len(plans)):
        here[:], dt = instances[b], plans[b, 3 * horizon] / horizon
        for k in range(horizon):
            thrust = plans[b, 3 * k : 3 * k + 3]
            for i in range(3):
                thrust[i] += (gains[b, k, i] * (here[:6] - references[b, k])).sum()
            _to_shell(vehicle, thrust)
            _forward(vehicle, dt, here, thrust, after)
            here[:] = after
    return plans


@kernel()
def _below(vehicle: Vehicle, state: Numbers) -> float:
    """How far a state is below the glide slope in m; negative above it."""
    return float(vehicle.slope * np.hypot(state[0], state[1]) - state[2])


@kernel()
def _rows(vehicle: Vehicle, plan: Numbers, states: Numbers, held: Flags, rows: Numbers, errors: Numbers) -> int:
    """Derivatives and values of the constraints: r_N and v_N, then the depth below each knot that is held; how many."""
    horizon, count, costate = len(plan) // 3, 6, np.zeros(7)
    for i in range(6):
        costate[:], costate[i] = 0.0, 1.0
        _sensitivity(vehicle, plan, states, horizon, costate, rows[i])
        errors[i] = states[horizon, i]
    for k in range(1, horizon):
        if held[k]:
            unit = vehicle.slope / max(np.hypot(states[k, 0], states[k, 1]), 1e-300)
            costate[0], costate[1], costate[2], costate[5] = unit * states[k, 0], unit * states[k, 1], -1.0, 0.0
            _sensitivity(vehicle, plan, states, k, costate, rows[count])
            errors[count] = _below(vehicle, states[k])
            count += 1
    return count


@kernel()
def _tangent(plan: Numbers, blocked: Flags, time_unit: float, row: Numbers, out: Numbers) -> None:
    """A row without the radial share of thrusts that are blocked, its last number by the unit of time, to `out`."""
    horizon = len(blocked)
    for k in range(horizon):
        i, share = 3 * k, 0.0
        if blocked[k]:
            x, y, z = plan[i], plan[i + 1], plan[i + 2]
            share = (row[i] * x + row[i + 1] * y + row[i + 2] * z) / (x * x + y * y + z * z)
        for j in range(i, i + 3):
            out[j] = row[j] - share * plan[j]
    out[3 * horizon] = time_unit * row[3 * horizon]


@kernel()
def _solve(rows: Numbers, count: int, wanted: Numbers) -> Numbers:
    """The y with (rows rows^T) y = wanted, for the first `count` rows; Gauss-Jordan on the matrix of unit diagonal."""
    matrix, scale, y = np.empty((count, count)), np.empty(count), np.empty(count)
    for i in range(count):
        scale[i] = 1.0 / np.sqrt(_dot(rows[i], rows[i]) + 1e-300)
        y[i] = wanted[i] * scale[i]
        for j in range(i):
            matrix[i, j] = _dot(rows[i], rows[j]) * scale[i] * scale[j]
            matrix[j, i] = matrix[i, j]
        matrix[i, i] = 1.0 + _RIDGE
    for i in range(count):
        # Positive definite: no pivots need to be sought.
        pivot = max(matrix[i, i], _RIDGE)
        for row in range(count):
            if row != i:
                share = matrix[row, i] / pivot
                for column in range(i, count):
                    matrix[row, column] -= share * matrix[i, column]
                y[row] -= share * y[i]
    for i in range(count):
        y[i] *= scale[i] / max(matrix[i, i], _RIDGE)
    return y


@kernel()
def _constrained_step(
    vehicle: Vehicle, plan: Numbers, gradient: Numbers, rows: Numbers, errors: Numbers, time_unit: float, step: Numbers
) -> None:
    """Write the minimiser of |step|^2 / 2 + gradient . step, for rows . step = -errors, to `step`, shape (3 N + 1,).

    Thrusts count in N and the flight time in `time_unit`s; where that is 0, it stays. Rows from the seventh on are
    inequalities: those with a negative multiplier are dropped. What the step would take out of a bound slides along it.
    """
    horizon, count = len(plan) // 3, len(errors)
    blocked, kept, wanted = np.zeros(horizon, np.bool_), np.ones(count, np.bool_), np.empty(count)
    tangents, flat = np.empty((count, 3 * horizon + 1)), np.empty(3 * horizon + 1)
    for _ in range(_TURNS):
        _tangent(plan, blocked, time_unit, gradient, flat)
        found, changed = 0, False
        for i in range(count):
            if kept[i]:
                _tangent(plan, blocked, time_unit, rows[i], tangents[found])
                wanted[found] = errors[i] - _dot(tangents[found], flat)
                found += 1
        multipliers = _solve(tangents, found, wanted)
        step[:], found = -flat, 0
        for i in range(count):
            if kept[i]:
                for j in range(len(step)):
                    step[j] -= multipliers[found] * tangents[found, j]
                if i >= 6 and multipliers[found] < 0.0:
                    kept[i], changed = False, True
                found += 1
        step[3 * horizon] *= time_unit
        longer, time = step[3 * horizon], plan[3 * horizon]
        if (time <= vehicle.time_low and longer < 0.0) or (time >= vehicle.time_high and longer > 0.0):
            time_unit, changed = 0.0, True
        for k in range(horizon):
            i, x, y, z = 3 * k, plan[3 * k], plan[3 * k + 1], plan[3 * k + 2]
            length, outward = np.sqrt(x * x + y * y + z * z), step[i] * x + step[i + 1] * y + step[i + 2] * z
            full = length >= vehicle.thrust_high * (1.0 - _AT_BOUND) and outward > 0.0
            idle = length <= vehicle.thrust_low * (1.0 + _AT_BOUND) and outward < 0.0
            if (full or idle) and not blocked[k]:
                blocked[k], changed = True, True
        if not changed:
            break


@kernel()
def restore(vehicle: Vehicle, instances: Numbers, plans: Numbers, passes: int) -> Numbers:
    """Correct the thrusts of plans, shape (B, 3 N + 1), so that they touch down above the glide slope, if they can.

    Gauss-Newton steps of least norm within the bounds of the thrust; a plan that is there already stays as it is.
    """
    found = plans.copy()
    horizon = plans.shape[1] // 3
    rows, errors = np.empty((horizon + 5, 3 * horizon + 1)), np.empty(horizon + 5)
    held, nothing, step = np.empty(horizon, np.bool_), np.zeros(3 * horizon + 1), np.empty(3 * horizon + 1)
    for b in range(len(found)):
        plan = found[b]
        held[:] = False
        for k in range(horizon):
            _to_shell(vehicle, plan[3 * k : 3 * k + 3])
        for _ in range(passes):
            states = rollout(vehicle, instances[b : b + 1], found[b : b + 1])[0]
            close = _norm(states[horizon, :3]) <= _CLOSE_POSITION and _norm(states[horizon, 3:6]) <= _CLOSE_VELOCITY
            for k in range(1, horizon):
                depth = _below(vehicle, states[k])
                close = close and depth <= _CLOSE_SLOPE
                held[k] = held[k] or depth > 0.0
            if close:
                break
            count = _rows(vehicle, plan, states, held, rows, errors)
            _constrained_step(vehicle, plan, nothing, rows[:count], errors[:count], 0.0, step)
            for k in range(horizon):
                change, thrust = step[3 * k : 3 * k + 3], plan[3 * k : 3 * k + 3]
                thrust += change * min(1.0, 0.5 * vehicle.thrust_high / (_norm(change) + 1e-300))
                _to_shell(vehicle, thrust)
    return found


@kernel()
def reduced(vehicle: Vehicle, plans: Numbers, states: Numbers, gradients: Numbers, seconds: float) -> Numbers:
    """What is left of gradients, shape (B, 3 N + 1), along plans that touch down where they do, above the glide slope.

    Minus the steepest descent, thrusts measured in their upper bound and the flight time in `seconds`, without what
    bounds block and constraints take up: 0 where a plan is optimal to first order. With few `seconds`, thrusts alone
    make up for a change of the flight time.
    """
    found, horizon, time_unit = np.empty_like(plans), plans.shape[1] // 3, seconds / vehicle.thrust_high
    rows, errors = np.empty((horizon + 5, 3 * horizon + 1)), np.empty(horizon + 5)
    held = np.zeros(horizon, np.bool_)
    for b in range(len(plans)):
        for k in range(1, horizon):
            held[k] = _below(vehicle, states[b, k]) > -_ACTIVE
        count = _rows(vehicle, plans[b], states[b], held, rows, errors)
        _constrained_step(vehicle, plans[b], gradients[b], rows[:count], np.zeros(count), time_unit, found[b])
        found[b] *= -1.0
        found[b, 3 * horizon] /= time_unit * time_unit
    return found
