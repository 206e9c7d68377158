"""What a system must say so that its control plans can be edited: `ControlTask`, batched pure functions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trm_envs.continuous.checks import ControlChecks

Numbers = NDArray[np.float64]
"""Real numbers, float64; the batch is the first axis."""


class Trajectory(NamedTuple):
    """What the simulator makes of a batch of plans."""

    times: Numbers
    """When the system is in each state, in s, shape (B, N + 1); a plan may say how long it takes."""
    states: Numbers
    """x_0 to x_N in the task's `state_units`, shape (B, N + 1, n_states)."""
    controls: Numbers
    """u_0 to u_(N-1) in the task's `control_units`, each held for one step, shape (B, N, n_controls)."""


class ControlGradient(NamedTuple):
    """First-order facts about the cost of a batch of plans."""

    plan: Numbers
    """dJ/dy, shape (B, plan_size), exact for the simulator's steps."""
    projected: Numbers
    """The same without what leads out of the plan's bounds: 0 in every entry where the plan is optimal to first order.

    Shape (B, plan_size). Where a task restores constraints after an edit, also without what they take up.
    """
    violation: Numbers
    """The gradient of `ControlChecks.violation`, so of the worst constraint, shape (B, plan_size); 0 where feasible."""


class ControlTask(ABC):
    """A system, its cost and its constraints as a plan-editing task: batched pure functions of (instance x, plan y).

    An *instance* is a flat vector: the state to start from and whatever varies of the system. A *plan* is a flat
    vector of `plan_size` numbers: N * n_controls controls, step by step, and what else is to be decided, such as the
    flight time. An *action* is a flat vector of `action_size` numbers within [-1, 1]; `edit` says what it writes.

    A subclass holds constants only, so a task can be pickled and shared. All functions take and give float64, leave
    their inputs alone, and treat each row of a batch by itself: the same row gives the same numbers in any batch.
    """

    horizon: int
    """Steps N of a plan."""
    n_states: int
    n_controls: int
    action_size: int
    """Numbers of an action."""
    state_units: tuple[str, ...]
    """Names of the states with their units, for tables and drawings: `position (m)`."""
    control_units: tuple[str, ...]
    """Names of the controls with their units."""
    cost_unit: str
    """Unit of the cost; empty where it has none."""
    constraints: tuple[str, ...]
    """Names of the hard constraints, with bounds and tolerances, in the order of `ControlChecks.worst`."""
    instance_low: Numbers
    """Smallest numbers of an instance, shape (n,)."""
    instance_high: Numbers
    """Largest numbers of an instance, shape (n,)."""
    plan_low: Numbers
    """Smallest numbers of a plan, shape (plan_size,)."""
    plan_high: Numbers
    """Largest numbers of a plan, shape (plan_size,)."""
    state_scale: Numbers
    """Usual size of each state, shape (n_states,): what observed states are divided by."""
    cost_floor: float
    """What is added to a cost before its logarithm is taken; costs below it count as good as none."""
    cost_high: float
    """The largest cost that is told apart from larger ones."""
    hidden: int = 0
    """How many numbers at the end of an instance are not observed: the simulator alone knows them."""
    always_feasible: bool = False
    """Whether every plan that `initial_plans` and `edit` give is feasible; then no violation is observed."""
    differentiable: bool = True
    """Whether there is a `gradient`."""

    @property
    def instance_size(self) -> int:
        """Numbers of an instance."""
        return len(self.instance_low)

    @property
    def plan_size(self) -> int:
        """Numbers of a plan."""
        return len(self.plan_low)

    @abstractmethod
    def initial_plans(self, instances: Numbers) -> Numbers:
        """The plan that an episode starts with, shape (B, plan_size), within its bounds."""

    @abstractmethod
    def edit(self, instances: Numbers, plans: Numbers, actions: Numbers) -> Numbers:
        """Plans after one edit each, shape (B, plan_size).

        Whatever the action, and whatever plan it is given, the plan that is returned keeps the hard bounds of the
        controls to the last bit. An action of zeros leaves a plan within its bounds as it is, up to rounding; a task
        that also restores other constraints says so.

        Args:
            instances: shape (B, n).
            plans: shape (B, plan_size).
            actions: shape (B, action_size), within [-1, 1].
        """

    @abstractmethod
    def simulate(self, instances: Numbers, plans: Numbers) -> Trajectory:
        """Play the plans open loop."""

    @abstractmethod
    def check(self, instances: Numbers, plans: Numbers) -> ControlChecks:
        """The checker: simulator, cost and constraints."""

    def gradient(self, instances: Numbers, plans: Numbers) -> ControlGradient:
        """The gradient of the cost, from the adjoint of the simulator.

        Raises:
            NotImplementedError: the task is not differentiable.
        """
        raise NotImplementedError(f"{type(self).__name__} has no gradient: leave observe='gradient' out")

    def validate(self, instances: Numbers) -> None:
        """Raise ValueError naming the first bad instance, its flaw and what would be right.

        By default: an instance has `instance_size` finite numbers, within `instance_low` and `instance_high`.
        """
        if instances.ndim != 2 or instances.shape[1] != self.instance_size:
            raise ValueError(f"instances must have shape (B, {self.instance_size}), got shape {instances.shape}")
        bad = ~np.isfinite(instances)
        if bad.any():
            row, column = np.argwhere(bad)[0].tolist()
            raise ValueError(f"instance {row} has {instances[row, column]} at index {column}: give finite numbers")
        bad = (instances < self.instance_low) | (instances > self.instance_high)
        if bad.any():
            row, column = np.argwhere(bad)[0].tolist()
            raise ValueError(
                f"instance {row} has {instances[row, column]:g} at index {column}: give a number within "
                f"[{self.instance_low[column]:g}, {self.instance_high[column]:g}]"
            )

    @abstractmethod
    def render_text(self, instance: Numbers, plan: Numbers) -> str:
        """One state as text with ANSI colours."""

    @abstractmethod
    def render_image(self, instance: Numbers, plan: Numbers) -> NDArray[np.uint8]:
        """One state as an RGB image, shape (height, width, 3).

        Raises:
            DependencyNotInstalled: Pillow is missing.
        """
