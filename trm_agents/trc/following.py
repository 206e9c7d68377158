"""Steps along the gradient of the cost through an edit's own feedback."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from trm_envs.continuous.spaces import unscaled
from trm_envs.continuous.task import Numbers
from trm_envs.control import kernels
from trm_envs.control.quadratic import GAIN, QuadraticTask

_LOG_GAIN = 4.0, 3.0
"""The logarithm of a learned gain is at least minus the first and at most the second."""
_AT_BOUND = 1.0 - 1e-6
"""Share of the largest control from which on it counts as at its bound."""


class Plan(NamedTuple):
    """Plans of a quadratic system that edits step from, as far as float32 observations tell them."""

    task: QuadraticTask
    instances: Numbers
    """Shape (B, n)."""
    controls: Numbers
    """Shape (B, N)."""

    @classmethod
    def of(cls, task: QuadraticTask, observation: dict[str, Tensor]) -> Plan:
        """The plans that are observed."""
        instance, plan = (observation[key].cpu().numpy() for key in ("instance", "plan"))
        instances = unscaled(instance, task.instance_low, task.instance_high)
        return cls(task, instances, unscaled(plan, task.plan_low, task.plan_high))

    @property
    def inside(self) -> Numbers:
        """1 where a control is not at its bound, 0 elsewhere, shape (B, N)."""
        inside: Numbers = (np.abs(self.controls) < _AT_BOUND * self.task.system.u_max).astype(np.float64)
        return inside

    def slopes(self, gains: Numbers) -> Numbers:
        """dJ/d(du) of an edit with these gains that holds the present trajectory, at du = 0, shape (B, N).

        Where a control is at its bound, what leads outside is 0.

        Args:
            gains: as an action has them, shape (B, N, 2); 0 where a control is at its bound.
        """
        task, system = self.task, self.task.system
        path = task.simulate(self.instances, self.controls).states
        found, _ = kernels.play_adjoint(
            system.kind,
            system.time_step,
            task.weights,
            self.instances,
            GAIN * system.u_max * gains,
            path[:, :-1],
            self.controls,
            path,
            system.u_max,
            True,
        )
        return found

    def step(self, gains: Tensor, outputs: Tensor) -> Tensor:
        """The change -G q / (u_max c) of the controls, as an action has it, shape (B, N).

        q are the slopes, which no gradient flows through, and c is the curvature of J by the last control. With the
        gains of the optimal feedback J is a sum of squares of the changes, so that a diagonal G makes a Newton step.

        Args:
            gains: see `slopes`.
            outputs: halves of the logarithms of G, shape (B, N).
        """
        slopes = self.slopes(gains.detach().cpu().double().numpy())
        newton = torch.as_tensor(slopes / (self.task.system.u_max * self._curvature), dtype=outputs.dtype)
        return -newton.to(outputs.device) * (2.0 * outputs).clamp(-_LOG_GAIN[0], _LOG_GAIN[1]).exp()

    @property
    def _curvature(self) -> float:
        """d2J/du^2 by the last control, at the target."""
        system, (_, _, r, f_p, f_v) = self.task.system, self.task.system.weights
        *_, b_p, b_v = kernels.jacobian(system.kind, system.time_step, 0.0, 0.0, 0.0, 0.0)
        return 2.0 * (r + f_p * b_p**2 + f_v * b_v**2)
