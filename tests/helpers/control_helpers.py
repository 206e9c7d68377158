"""What several tests of the control environments share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import trm_envs
from trm_envs.continuous.checks import ControlChecks
from trm_envs.continuous.task import ControlTask, Numbers, Trajectory
from trm_envs.control.descent_generator import Approach, training_instances
from trm_envs.control.quadratic import QuadraticTask
from trm_envs.control.systems import DOUBLE_INTEGRATOR, DOUBLE_INTEGRATOR_TIGHT, VAN_DER_POL

ROWS = trm_envs.CONTROL_ENVIRONMENTS
IDS = [row.id for row in ROWS]
PLAN_EDIT = [name for name in IDS if name.startswith("ControlPlanEdit-")]
STEPWISE = [name for name in IDS if name.startswith("Control-")]
SYSTEMS = {"di": DOUBLE_INTEGRATOR, "tight": DOUBLE_INTEGRATOR_TIGHT, "vdp": VAN_DER_POL}
EDITS = ("plan", "feedback", "window")


def some_instances(task: QuadraticTask, count: int, rng: np.random.Generator) -> Numbers:
    """Instances all over the range that a task allows."""
    return rng.uniform(task.instance_low, task.instance_high, (count, task.instance_size))


def some_descents(count: int, rng: np.random.Generator, approach: Approach = "usual") -> Numbers:
    """Instances of powered descent."""
    return training_instances(count, rng, approach=approach)


def an_instance(env_id: str) -> list[float]:
    """An instance that the environments of an id take."""
    if "PoweredDescent" in env_id:
        return [300.0, -400.0, 1500.0, 10.0, 20.0, -50.0, 1900.0]
    return [1.0, -0.5, 1.2] if "VanDerPol" in env_id else [1.0, -0.5]


def some_action(rng: np.random.Generator, space: Any, size: float = 0.3) -> NDArray[np.float32]:
    """An action that is not too wild, so that paths stay near."""
    return (size * rng.standard_normal(space.shape)).clip(-1, 1).astype(np.float32)


class Brake(ControlTask):
    """A car of speed v0 (m/s) brakes to a stop within a road: deceleration per step and the duration are the plan.

    What a system of its own must say, with what the quadratic ones lack: time as part of the plan, two constraints
    besides the bound of the control, and a restoration (the first edit entry) that stops the car exactly.
    """

    horizon, n_states, n_controls, action_size = 4, 2, 1, 6
    state_units, control_units, cost_unit = ("position (m)", "velocity (m/s)"), ("acceleration (m/s^2)",), "s"
    constraints = ("x_N <= 50 m within 1 m", "|v_N| <= 0.1 m/s")
    instance_low, instance_high = np.array([5.0]), np.array([25.0])
    plan_low, plan_high = np.array([-8.0] * 4 + [1.0]), np.array([0.0] * 4 + [20.0])
    state_scale = np.array([50.0, 25.0])
    cost_floor, cost_high = 1.0, 100.0
    differentiable = False

    def initial_plans(self, instances: Numbers) -> Numbers:
        return np.tile([0.0] * 4 + [10.0], (len(instances), 1))

    def edit(self, instances: Numbers, plans: Numbers, actions: Numbers) -> Numbers:
        changed = plans.copy()
        changed[:, :4] += 4.0 * actions[:, :4]
        changed[:, 4] += 5.0 * actions[:, 4]
        changed = np.clip(changed, self.plan_low, self.plan_high)
        # Restoration: the same correction of all controls, as far as the bounds allow.
        missing = -(instances[:, 0] + changed[:, :4].sum(axis=1) * changed[:, 4] / 4.0) / changed[:, 4]
        restored = changed[:, :4] + np.where(actions[:, 5] > 0.0, missing, 0.0)[:, None]
        return np.concatenate([np.clip(restored, -8.0, 0.0), changed[:, 4:]], axis=1)

    def simulate(self, instances: Numbers, plans: Numbers) -> Trajectory:
        step = plans[:, 4:] / 4.0
        states = np.zeros((len(plans), 5, 2))
        states[:, 0, 1] = instances[:, 0]
        for k in range(4):
            change = plans[:, k] * step[:, 0]
            states[:, k + 1, 0] = states[:, k, 0] + (states[:, k, 1] + change / 2.0) * step[:, 0]
            states[:, k + 1, 1] = states[:, k, 1] + change
        return Trajectory(step * np.arange(5.0), states, plans[:, :4, None].copy())

    def check(self, instances: Numbers, plans: Numbers) -> ControlChecks:
        last = self.simulate(instances, plans).states[:, -1]
        excess = np.stack([last[:, 0] - 50.0, np.abs(last[:, 1]) / 0.1], axis=1)
        return ControlChecks.measured(plans[:, 4].copy(), excess, excess[:, 1])

    def render_text(self, instance: Numbers, plan: Numbers) -> str:
        return f"{instance} {plan}"

    def render_image(self, instance: Numbers, plan: Numbers) -> NDArray[np.uint8]:
        return np.full((4, 4, 3), round(10 * abs(plan[0])), np.uint8)
