"""Powered descent controlled step by step, one thrust at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trm_envs.continuous.checks import LARGEST_VIOLATION
from trm_envs.continuous.task import Numbers
from trm_envs.control import altitude, descent_kernels
from trm_envs.control.descent import DescentTask
from trm_envs.control.lander import VEHICLE
from trm_envs.control.stepwise import Advance, StepRules, StepStates

_MIDDLE, _HALF = (
    0.5 * np.log(VEHICLE.time_low * VEHICLE.time_high),
    0.5 * np.log(VEHICLE.time_high / VEHICLE.time_low),
)
"""Of the logarithm of the flight time."""


class DescentStepRules(StepRules):
    """A thrust, its norm brought into the bounds, is held for a fiftieth of the flight time, which the first step sets.

    So an episode plays a plan of `DescentTask`. Three numbers of an action are the thrust in its upper bound; the
    fourth is read at the first step alone: -1 for the shortest flight, 1 for the longest, evenly in the logarithm.
    """

    task: DescentTask

    def __init__(self) -> None:
        super().__init__(DescentTask(), 4, np.array([0.0, -1.0]), np.array([np.log1p(LARGEST_VIOLATION), 1.0]))

    def first(self, instances: Numbers) -> Numbers:
        """The instances, shape (B, 7)."""
        return instances.copy()

    def error(self, states: Numbers) -> Numbers:
        """Distance from the pad in m, or speed in tolerances: the larger one."""
        error: Numbers = self.task.touchdown(states).max(axis=1)
        return error

    def advance(self, states: StepStates, actions: Numbers, last: NDArray[np.bool_]) -> Advance:
        """Hold one thrust for one step in each state."""
        task, batch = self.task, np.arange(len(actions))
        applied = states.plans.copy()
        first = states.steps == 0
        applied[first, -1] = np.exp(_MIDDLE + _HALF * actions[first, 3])
        thrusts = descent_kernels.project(VEHICLE, VEHICLE.thrust_high * actions[:, :3])
        place = 3 * np.minimum(states.steps, task.horizon - 1)
        for i in range(3):
            applied[batch, place + i] = thrusts[:, i]
        # A plan of one step.
        times = applied[:, -1:] / task.horizon
        after = descent_kernels.rollout(VEHICLE, states.states, np.concatenate([thrusts, times], axis=1))[:, 1]
        excess = np.where(last[:, None], -np.inf, task.slope(after)[:, None])
        ending = np.concatenate([task.dry(after)[:, None], task.touchdown(after)], axis=1)
        excess = np.concatenate([excess, np.where(last[:, None], ending, -np.inf)], axis=1)
        beyond = np.clip(excess.max(axis=1) - 1.0, 0.0, LARGEST_VIOLATION)
        return Advance(after, applied, states.states[:, 6] - after[:, 6], np.maximum(states.violations, beyond))

    def extras(self, states: StepStates) -> Numbers:
        """The violation so far, log(1 + v), and the flight time as an action says it; 0 before it is set."""
        time = np.clip((np.log(states.plans[:, -1]) - _MIDDLE) / _HALF, -1.0, 1.0)
        return np.stack([np.log1p(states.violations), np.nan_to_num(time, nan=0.0)], axis=1)

    def draw(self, states: StepStates, path: Numbers, success: bool, mode: str) -> Any:
        """Altitude over range and the thrust."""
        flight = altitude.Flight(path, states.plans[0], float(states.costs[0]), success)
        return altitude.text(flight) if mode == "ansi" else altitude.image(flight)
