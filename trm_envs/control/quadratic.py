"""Control plans of a system with two states, one bounded control and a quadratic cost: `QuadraticTask`."""

from __future__ import annotations

from typing import get_args

import numpy as np
from numpy.typing import NDArray

from trm_envs.continuous.checks import ControlChecks
from trm_envs.continuous.edits import WINDOW, EditKind, add, window_changes
from trm_envs.continuous.task import ControlGradient, ControlTask, Numbers, Trajectory
from trm_envs.control import kernels, phase_plane
from trm_envs.control.systems import System

GAIN = 5.0
"""The largest gain of a `feedback` edit, in u_max per unit of a state."""

_ROUNDING = 1e-9
"""Tolerance of the bound of the control, in u_max."""


class QuadraticTask(ControlTask):
    """Plans u_0 .. u_(N-1) of a `System`; an instance is the first state, and mu where it varies.

    Edits, with a an action within [-1, 1] and u the plan:

    - `plan`: u_k <- clip(u_k + u_max a_k); N numbers.
    - `feedback`: u_k <- clip(u_k + u_max a_k + K_k (x_k - (1 - g_k) xbar_k)), played by the simulator from x_0: xbar is
      the trajectory of the plan that is edited, x the one that arises. 4 N numbers: a, then the gains K_k / (5 u_max),
      (N, 2) row by row, then the gates 2 g_k - 1. With g = 0 the feedback holds the old trajectory, with g = 1 it
      steers to the target. The result is an open-loop plan again.
    - `window`: as `plan`, for 10 successive steps: 10 changes, and the window's place from -1 (first) to 1 (last).

    Args:
        system: the constants.
        edit: what an action means.
        hidden: numbers at the end of an instance that are not observed.

    Raises:
        ValueError: the edit is unknown.
    """

    n_states, n_controls = 2, 1
    cost_unit = ""
    cost_floor, cost_high = 1e-2, 1e6
    always_feasible = True

    def __init__(self, system: System, edit: EditKind = "feedback", hidden: int = 0) -> None:
        if edit not in get_args(EditKind):
            raise ValueError(f"edit must be one of {get_args(EditKind)}, got {edit!r}")
        self.system = system
        self.kind: EditKind = edit
        self.hidden = hidden
        self.horizon = system.horizon
        self.state_units, self.control_units = system.state_units, (system.control_unit,)
        self.constraints = (f"|u| <= {system.u_max:g} within {_ROUNDING:g} u_max",)
        self.instance_low, self.instance_high = np.array(system.instance_low), np.array(system.instance_high)
        self.plan_high = np.full(system.horizon, system.u_max)
        self.plan_low = -self.plan_high
        self.state_scale = np.array(system.state_scale)
        self.action_size = {"plan": system.horizon, "feedback": 4 * system.horizon, "window": WINDOW + 1}[edit]
        self.weights = np.array(system.weights)
        """Those of the system's cost, shape (5,)."""

    def initial_plans(self, instances: Numbers) -> Numbers:
        """No control at all, shape (B, N)."""
        return np.zeros((len(instances), self.horizon))

    def edit(self, instances: Numbers, plans: Numbers, actions: Numbers) -> Numbers:
        """Plans after one edit each, shape (B, N); |u| <= u_max whatever the action."""
        u_max = self.system.u_max
        if self.kind == "feedback":
            plans = np.clip(plans, self.plan_low, self.plan_high)
            feedforward, gains, references = self.feedback(instances, plans, actions)
            system = self.system
            return kernels.play(system.kind, system.time_step, instances, feedforward, gains, references, u_max)
        if self.kind == "window":
            actions = window_changes(actions, self.horizon, 1, WINDOW)
        return add(plans, u_max * actions, self.plan_low, self.plan_high)

    def feedback(self, instances: Numbers, plans: Numbers, actions: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """What a `feedback` edit plays: feedforward (B, N), gains (B, N, 2) and references (B, N, 2).

        `trm_envs.control.kernels.play` plays them, and `play_adjoint` differentiates through that.
        """
        n, u_max = self.horizon, self.system.u_max
        gains = GAIN * u_max * actions[:, n : 3 * n].reshape(-1, n, 2)
        gates = (1.0 + actions[:, 3 * n :]) / 2.0
        states = self.simulate(instances, plans).states[:, :-1]
        references: Numbers = (1.0 - gates)[:, :, None] * states
        return plans + u_max * actions[:, :n], gains, references

    def simulate(self, instances: Numbers, plans: Numbers) -> Trajectory:
        """Play the plans open loop."""
        states, _ = self._rollout(instances, plans)
        times = np.tile(self.system.time_step * np.arange(self.horizon + 1), (len(plans), 1))
        return Trajectory(times, states, plans[:, :, None].copy())

    def check(self, instances: Numbers, plans: Numbers) -> ControlChecks:
        """J, the bound of the control, and |x_N| in tolerances."""
        states, costs = self._rollout(instances, plans)
        u_max = self.system.u_max
        excess = (np.abs(plans).max(axis=1, keepdims=True) - u_max) / (_ROUNDING * u_max)
        error = np.hypot(states[:, -1, 0], states[:, -1, 1]) / self.system.tolerance
        return ControlChecks.measured(costs, excess, error)

    def gradient(self, instances: Numbers, plans: Numbers) -> ControlGradient:
        """dJ/du by the adjoint of the simulator's steps."""
        states, _ = self._rollout(instances, plans)
        system = self.system
        of_plan, _ = kernels.adjoint(system.kind, system.time_step, self.weights, instances, plans, states)
        blocked = (np.abs(plans) >= system.u_max) & (plans * of_plan < 0.0)
        return ControlGradient(of_plan, np.where(blocked, 0.0, of_plan), np.zeros_like(plans))

    def render_text(self, instance: Numbers, plan: Numbers) -> str:
        """The phase plane and the controls as text."""
        return phase_plane.text(self._portrait(instance, plan))

    def render_image(self, instance: Numbers, plan: Numbers) -> NDArray[np.uint8]:
        """The phase plane and the controls as a picture."""
        return phase_plane.image(self._portrait(instance, plan))

    def _rollout(self, instances: Numbers, plans: Numbers) -> tuple[Numbers, Numbers]:
        system = self.system
        return kernels.rollout(system.kind, system.time_step, self.weights, instances, plans)

    def _portrait(self, instance: Numbers, plan: Numbers) -> phase_plane.Portrait:
        path, checks = self.simulate(instance[None], plan[None]), self.check(instance[None], plan[None])
        return phase_plane.Portrait(
            path.states[0],
            plan,
            self.system.u_max,
            self.system.tolerance,
            self.state_units,
            self.system.control_unit,
            float(checks.cost[0]),
            bool(checks.success[0]),
        )
