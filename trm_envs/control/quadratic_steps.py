"""Systems with two states and a quadratic cost, controlled step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trm_envs.continuous.spaces import scaled
from trm_envs.continuous.task import Numbers
from trm_envs.control import kernels, phase_plane
from trm_envs.control.quadratic import QuadraticTask
from trm_envs.control.stepwise import Advance, StepRules, StepStates


class QuadraticStepRules(StepRules):
    """A control in u_max is held for a step; what varies of the system is observed beside the state.

    Args:
        task: the system.
    """

    task: QuadraticTask

    def __init__(self, task: QuadraticTask) -> None:
        varies = np.ones(task.instance_size - task.n_states)
        super().__init__(task, 1, -varies, varies)

    def first(self, instances: Numbers) -> Numbers:
        """Position and velocity of the instances, shape (B, 2)."""
        return instances[:, :2].copy()

    def error(self, states: Numbers) -> Numbers:
        """The norm of the state, in tolerances."""
        error: Numbers = np.hypot(states[:, 0], states[:, 1]) / self.task.system.tolerance
        return error

    def advance(self, states: StepStates, actions: Numbers, last: NDArray[np.bool_]) -> Advance:
        """Hold one control for one step in each state."""
        system = self.task.system
        controls = system.u_max * actions[:, 0]
        after = kernels.steps(system.kind, system.time_step, states.instances, states.states, controls)
        applied = states.plans.copy()
        applied[np.arange(len(after)), np.minimum(states.steps, self.task.horizon - 1)] = controls
        costs = self._stage(states.states, controls) + np.where(last, self._last(after), 0.0)
        return Advance(after, applied, costs, states.violations.copy())

    def _stage(self, states: Numbers, controls: Numbers) -> Numbers:
        weights = self.task.weights
        cost: Numbers = weights[0] * states[:, 0] ** 2 + weights[1] * states[:, 1] ** 2 + weights[2] * controls**2
        return cost

    def _last(self, states: Numbers) -> Numbers:
        cost: Numbers = self.task.weights[3] * states[:, 0] ** 2 + self.task.weights[4] * states[:, 1] ** 2
        return cost

    def extras(self, states: StepStates) -> Numbers:
        """What varies of the system, scaled."""
        return scaled(states.instances, self.task.instance_low, self.task.instance_high)[:, 2:]

    def draw(self, states: StepStates, path: Numbers, success: bool, mode: str) -> Any:
        """The phase plane and the controls."""
        task, system = self.task, self.task.system
        portrait = phase_plane.Portrait(
            path,
            states.plans[0],
            system.u_max,
            system.tolerance,
            task.state_units,
            system.control_unit,
            float(states.costs[0]),
            success,
        )
        return phase_plane.text(portrait) if mode == "ansi" else phase_plane.image(portrait)
