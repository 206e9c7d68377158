"""What a simulator says of a batch of control plans."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

LARGEST_VIOLATION = 1e6
"""Larger violations, and those of plans whose simulation diverges, count as this one."""


class ControlChecks(NamedTuple):
    """What the checker says of a batch of plans. Every field has shape (B,)."""

    cost: NDArray[np.float64]
    """J(x, y), not negative, in the task's `cost_unit`."""
    feasible: NDArray[np.bool_]
    """Whether every hard constraint holds within its tolerance."""
    success: NDArray[np.bool_]
    """Whether the plan is feasible and ends at the target: `terminal_error` is at most 1."""
    violation: NDArray[np.float64]
    """By how much the worst constraint exceeds its tolerance, in tolerances; 0 exactly where the plan is feasible."""
    terminal_error: NDArray[np.float64]
    """Distance of the last state from the target, in tolerances."""
    worst: NDArray[np.int8]
    """Which of the task's `constraints` is violated most; -1 where the plan is feasible."""

    @classmethod
    def measured(
        cls, cost: NDArray[np.float64], excess: NDArray[np.float64], terminal_error: NDArray[np.float64]
    ) -> ControlChecks:
        """Judge plans by how far each constraint is exceeded.

        Args:
            cost: shape (B,).
            excess: excess over each constraint's bound in units of its tolerance, shape (B, constraints); at most 1
                where the constraint holds. NaN counts as exceeded.
            terminal_error: shape (B,), in tolerances.
        """
        beyond = np.maximum(np.nan_to_num(excess, nan=np.inf) - 1.0, 0.0)
        violation = np.minimum(beyond, LARGEST_VIOLATION).max(axis=1)
        feasible = violation == 0.0
        worst = np.where(feasible, -1, beyond.argmax(axis=1)).astype(np.int8)
        return cls(cost, feasible, feasible & (terminal_error <= 1.0), violation, terminal_error, worst)

    def chosen(self, rows: NDArray[np.bool_], other: ControlChecks) -> ControlChecks:
        """These checks where `rows`, shape (B,), says so, and the others elsewhere."""
        mine: tuple[NDArray[Any], ...] = self
        others: tuple[NDArray[Any], ...] = other
        return ControlChecks(*(np.where(rows, one, two) for one, two in zip(mine, others, strict=True)))

    def improves_on(self, other: ControlChecks) -> NDArray[np.bool_]:
        """Whether these plans are better, one by one, shape (B,).

        Better is less violation, or equal violation at less cost: so a feasible plan never gives way to another one,
        and the cost of feasible plans that replace each other never rises. A cost that is no number improves nothing.
        """
        cheaper = (self.violation == other.violation) & (self.cost < other.cost)
        better: NDArray[np.bool_] = np.isfinite(self.cost) & ((self.violation < other.violation) | cheaper)
        return better
