"""Control plans of a rocket-powered landing whose flight time is part of the plan: `DescentTask`."""

from __future__ import annotations

from typing import get_args

import numpy as np
from numpy.typing import NDArray

from trm_envs.continuous.checks import ControlChecks
from trm_envs.continuous.edits import WINDOW, EditKind, window_changes
from trm_envs.continuous.task import ControlGradient, ControlTask, Numbers, Trajectory
from trm_envs.control import altitude, descent_kernels
from trm_envs.control.descent_kernels import TIME_UNIT
from trm_envs.control.lander import (
    DRY_MASS,
    HORIZON,
    MASS_TOLERANCE,
    SLOPE_TOLERANCE,
    THRUST_TOLERANCE,
    TOUCHDOWN_POSITION,
    TOUCHDOWN_VELOCITY,
    VEHICLE,
    WET_MASS,
)

CHANGE, LOG_TIME = 0.5, 0.5
"""The largest change of a thrust by one edit, in its upper bound, and of the logarithm of the flight time."""
GAIN = 5.0
"""The largest gain of a `feedback` edit, in the thrust's upper bound per usual size of a state."""
PASSES = 10
"""Corrections that restore a touchdown after an edit."""

_INSTANT = 1e-6
"""A flight time in s that is short enough for `reduced` to restore by thrusts alone."""
_GLIDE, _MASS, _POSITION, _VELOCITY = 1, 2, 3, 4
"""Columns of the constraints; the first is the norm of the thrust."""


class DescentTask(ControlTask):
    """Plans of N thrust vectors (N) and a flight time (s) that land a vehicle on a pad; cost is the fuel (kg).

    An instance is (x, y, z, v_x, v_y, v_z, m) in m, m/s and kg. Edits, with a an action within [-1, 1], T the plan's
    thrusts and t_f its flight time, which the last number of every action multiplies by exp(a / 2):

    - `plan`: T_k <- T_k + T_max a_k / 2; 3 N + 1 numbers.
    - `feedback`: T_k <- T_k + T_max a_k / 2 + K_k (x_k - (1 - g_k) xbar_k) of position and velocity, played by the
      simulator from x_0: xbar is the trajectory of the plan that is edited, x the one that arises. 22 N + 1 numbers: a,
      then the gains K_k, (N, 3, 6) row by row, each 5 T_max per 1,500 m or 80 m/s at most, then the gates 2 g_k - 1.
    - `window`: as `plan`, for 10 successive steps: 30 changes, and the window's place from -1 (first) to 1 (last).

    Then every thrust's norm is brought into its bounds, and where the plan does not touch down or is below the glide
    slope, up to ten Gauss-Newton corrections within those bounds try to mend that, at the given flight time. A plan
    that needs none is left as it is by an action of zeros.

    Args:
        edit: what an action means.

    Raises:
        ValueError: the edit is unknown.
    """

    horizon, n_states, n_controls = HORIZON, 7, 3
    state_units = ("x (m)", "y (m)", "z (m)", "v_x (m/s)", "v_y (m/s)", "v_z (m/s)", "mass (kg)")
    control_units = ("T_x (N)", "T_y (N)", "T_z (N)")
    cost_unit = "kg"
    constraints = (
        f"{VEHICLE.thrust_low:g} <= |T| <= {VEHICLE.thrust_high:g} N within {THRUST_TOLERANCE:g} of the latter",
        f"z >= tan(30 degrees) hypot(x, y) at knots 1 to N - 1 within {SLOPE_TOLERANCE:g} m",
        f"m_N >= {DRY_MASS:g} kg within {MASS_TOLERANCE:g} kg",
        f"|r_N| <= {TOUCHDOWN_POSITION:g} m",
        f"|v_N| <= {TOUCHDOWN_VELOCITY:g} m/s",
    )
    instance_low = np.array([-4000.0, -4000.0, 1.0, -180.0, -180.0, -180.0, DRY_MASS])
    instance_high = np.array([4000.0, 4000.0, 5000.0, 180.0, 180.0, 180.0, WET_MASS])
    plan_high = np.append(np.full(3 * HORIZON, VEHICLE.thrust_high), VEHICLE.time_high)
    plan_low = np.append(np.full(3 * HORIZON, -VEHICLE.thrust_high), VEHICLE.time_low)
    state_scale = np.array([1500.0] * 3 + [80.0] * 3 + [2000.0])
    cost_floor, cost_high = 1.0, 1000.0

    def __init__(self, edit: EditKind = "plan") -> None:
        if edit not in get_args(EditKind):
            raise ValueError(f"edit must be one of {get_args(EditKind)}, got {edit!r}")
        self.kind: EditKind = edit
        self.action_size = {"plan": 3 * HORIZON, "feedback": 22 * HORIZON, "window": 3 * WINDOW + 1}[edit] + 1

    def initial_plans(self, instances: Numbers) -> Numbers:
        """Hover: thrust that balances the first weight, for 2 |r| / |v| seconds, as constant braking would take."""
        plans = np.zeros((len(instances), self.plan_size))
        plans[:, 2:-1:3] = VEHICLE.gravity * instances[:, 6:]
        speeds = np.maximum(np.linalg.norm(instances[:, 3:6], axis=1), 1e-9)
        plans[:, -1] = np.clip(
            2.0 * np.linalg.norm(instances[:, :3], axis=1) / speeds, VEHICLE.time_low, VEHICLE.time_high
        )
        return plans

    def edit(self, instances: Numbers, plans: Numbers, actions: Numbers) -> Numbers:
        """Plans after one edit each, shape (B, 3 N + 1), restored as far as that goes; the thrust keeps its bounds."""
        return descent_kernels.restore(VEHICLE, instances, self.written(instances, plans, actions), PASSES)

    def written(self, instances: Numbers, plans: Numbers, actions: Numbers) -> Numbers:
        """What an edit writes before it is restored, shape (B, 3 N + 1); only `feedback` keeps the bounds."""
        changed = np.clip(plans, self.plan_low, self.plan_high)
        before = changed.copy()
        changed[:, -1] = np.clip(
            changed[:, -1] * np.exp(LOG_TIME * actions[:, -1]), VEHICLE.time_low, VEHICLE.time_high
        )
        changes = actions[:, :-1]
        if self.kind == "window":
            changes = window_changes(changes, self.horizon, 3, WINDOW)
        changed[:, :-1] += CHANGE * VEHICLE.thrust_high * changes[:, : 3 * self.horizon]
        if self.kind == "feedback":
            gains, references = self._feedback(instances, before, actions)
            changed = descent_kernels.play(VEHICLE, instances, changed, gains, references)
        return changed

    def _feedback(self, instances: Numbers, plans: Numbers, actions: Numbers) -> tuple[Numbers, Numbers]:
        """The gains, shape (B, N, 3, 6), and the references, shape (B, N, 6), of a `feedback` edit."""
        n = self.horizon
        unit = GAIN * VEHICLE.thrust_high / self.state_scale[:6]
        gains: Numbers = actions[:, 3 * n : 21 * n].reshape(-1, n, 3, 6) * unit
        gates = (1.0 + actions[:, 21 * n : 22 * n]) / 2.0
        states = descent_kernels.rollout(VEHICLE, instances, plans)[:, :-1, :6]
        references: Numbers = (1.0 - gates)[:, :, None] * states
        return gains, references

    def simulate(self, instances: Numbers, plans: Numbers) -> Trajectory:
        """Play the plans open loop."""
        states = descent_kernels.rollout(VEHICLE, instances, plans)
        times = plans[:, -1:] * (np.arange(self.horizon + 1) / self.horizon)
        return Trajectory(times, states, plans[:, :-1].reshape(-1, self.horizon, 3).copy())

    def check(self, instances: Numbers, plans: Numbers) -> ControlChecks:
        """Fuel in kg, and the constraints."""
        states = descent_kernels.rollout(VEHICLE, instances, plans)
        excess = self.excess(states, plans)
        return ControlChecks.measured(states[:, 0, 6] - states[:, -1, 6], excess, excess[:, _POSITION:].max(axis=1))

    def excess(self, states: Numbers, plans: Numbers) -> Numbers:
        """By how much each of `constraints` is exceeded, in tolerances, shape (B, 5)."""
        norms = np.linalg.norm(plans[:, :-1].reshape(len(plans), -1, 3), axis=2)
        low, high = VEHICLE.thrust_low, VEHICLE.thrust_high
        thrust = np.maximum(low - norms, norms - high).max(axis=1) / (THRUST_TOLERANCE * high)
        slope, last = self.slope(states[:, 1:-1]).max(axis=1), states[:, -1]
        return np.concatenate([np.stack([thrust, slope, self.dry(last)], axis=1), self.touchdown(last)], axis=1)

    def slope(self, states: Numbers) -> Numbers:
        """How far states (..., 7) are below the glide slope, in tolerances, shape (...)."""
        depth: Numbers = VEHICLE.slope * np.hypot(states[..., 0], states[..., 1]) - states[..., 2]
        return depth / SLOPE_TOLERANCE

    def dry(self, states: Numbers) -> Numbers:
        """How much fuel states (B, 7) lack, in tolerances, shape (B,)."""
        missing: Numbers = (DRY_MASS - states[:, 6]) / MASS_TOLERANCE
        return missing

    def touchdown(self, states: Numbers) -> Numbers:
        """Distance from the pad and speed of states (B, 7), in tolerances, shape (B, 2)."""
        position = np.linalg.norm(states[:, :3], axis=1) / TOUCHDOWN_POSITION
        return np.stack([position, np.linalg.norm(states[:, 3:6], axis=1) / TOUCHDOWN_VELOCITY], axis=1)

    def gradient(self, instances: Numbers, plans: Numbers) -> ControlGradient:
        """The fuel's gradient, and what is left of it along plans that keep touching down: see `reduced`."""
        states = descent_kernels.rollout(VEHICLE, instances, plans)
        of_fuel = self._of_fuel(plans)
        projected = descent_kernels.reduced(VEHICLE, plans, states, of_fuel, TIME_UNIT)
        return ControlGradient(of_fuel, projected, self._of_violation(states, plans, of_fuel))

    def restored_gradient(self, instances: Numbers, plans: Numbers) -> ControlGradient:
        """As `gradient`, for changes of restored plans that are restored again.

        `projected` is then the derivative of the fuel that a small change costs in the end: thrusts alone are restored,
        at the flight time that the change has set.
        """
        states = descent_kernels.rollout(VEHICLE, instances, plans)
        of_fuel = self._of_fuel(plans)
        projected = descent_kernels.reduced(VEHICLE, plans, states, of_fuel, _INSTANT)
        return ControlGradient(of_fuel, projected, self._of_violation(states, plans, of_fuel))

    def _of_fuel(self, plans: Numbers) -> Numbers:
        """The fuel's derivative by the plan, shape (B, 3 N + 1)."""
        thrusts = plans[:, :-1].reshape(len(plans), -1, 3)
        norms = np.linalg.norm(thrusts, axis=2)
        rate = 1.0 / (self.horizon * VEHICLE.exhaust)
        of_plan = np.empty_like(plans)
        of_plan[:, :-1] = (thrusts / norms[:, :, None] * (rate * plans[:, -1:, None])).reshape(len(plans), -1)
        of_plan[:, -1] = rate * norms.sum(axis=1)
        return of_plan

    def _of_violation(self, states: Numbers, plans: Numbers, of_fuel: Numbers) -> Numbers:
        """The gradient of the violation: that of the constraint that is worst, and 0 where all hold."""
        excess, batch = self.excess(states, plans), np.arange(len(plans))
        worst = excess.argmax(axis=1)
        knots = np.where(worst == _GLIDE, 1 + self.slope(states[:, 1:-1]).argmax(axis=1), self.horizon)
        there = states[batch, knots]
        costates = np.zeros((len(plans), 7))
        for columns, constraint, unit in (
            (slice(0, 3), _POSITION, TOUCHDOWN_POSITION),
            (slice(3, 6), _VELOCITY, TOUCHDOWN_VELOCITY),
        ):
            part = there[:, columns]
            direction = part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-300) / unit
            costates[:, columns] = np.where((worst == constraint)[:, None], direction, 0.0)
        distance = np.maximum(np.hypot(there[:, 0], there[:, 1]), 1e-300)
        cone = np.stack(
            [VEHICLE.slope * there[:, 0] / distance, VEHICLE.slope * there[:, 1] / distance, -np.ones_like(distance)], 1
        )
        costates[:, :3] = np.where((worst == _GLIDE)[:, None], cone / SLOPE_TOLERANCE, costates[:, :3])
        slopes = descent_kernels.sensitivities(VEHICLE, plans, states, knots, costates)
        slopes = np.where((worst == _MASS)[:, None], of_fuel / MASS_TOLERANCE, slopes)
        violated = excess[batch, worst] > 1.0
        found: Numbers = np.where(violated[:, None], slopes, 0.0)
        return found

    def validate(self, instances: Numbers) -> None:
        """As every system, and no instance that is surely lost: below the glide slope, too fast, or out of fuel."""
        super().validate(instances)
        x, y, z, v_x, v_y, v_z, mass = instances.T
        lift = VEHICLE.thrust_high / DRY_MASS - VEHICLE.gravity
        needed = np.sqrt(v_x**2 + v_y**2 + np.maximum(VEHICLE.gravity * VEHICLE.time_low - v_z, 0.0) ** 2)
        faults = {
            "starts below the glide slope: give z >= tan(30 degrees) hypot(x, y)": z < VEHICLE.slope * np.hypot(x, y),
            "cannot stop above the ground, even by full thrust upwards: give a slower descent or more height": (
                np.minimum(v_z, 0.0) ** 2 > 2.0 * lift * z
            ),
            f"has not the fuel to stop: give more mass than its dry {DRY_MASS:g} kg, or less speed": (
                VEHICLE.exhaust * np.log(mass / DRY_MASS) < needed
            ),
        }
        for fault, where in faults.items():
            if where.any():
                raise ValueError(f"instance {int(where.argmax())} {fault}")

    def render_text(self, instance: Numbers, plan: Numbers) -> str:
        """Altitude over range and the thrust as text."""
        return altitude.text(self.flight(instance, plan))

    def render_image(self, instance: Numbers, plan: Numbers) -> NDArray[np.uint8]:
        """Altitude over range and the thrust as a picture."""
        return altitude.image(self.flight(instance, plan))

    def flight(self, instance: Numbers, plan: Numbers) -> altitude.Flight:
        """What is drawn of a plan."""
        checks = self.check(instance[None], plan[None])
        states = self.simulate(instance[None], plan[None]).states[0]
        return altitude.Flight(states, plan, float(checks.cost[0]), bool(checks.success[0]))
