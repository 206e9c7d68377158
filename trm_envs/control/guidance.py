"""Classical lines for powered descent: a grid of flight times, and descent along the reduced gradient.

They know the constraints' derivatives, where an agent that learns from the checker does not.
"""

from __future__ import annotations

import numpy as np

from trm_envs.continuous.task import Numbers
from trm_envs.control.descent import CHANGE, LOG_TIME, DescentTask
from trm_envs.control.descent_kernels import TIME_UNIT
from trm_envs.control.lander import VEHICLE

_RATE = 10.0
"""Change of a thrust in its upper bound per unit of the reduced gradient of the log cost by it."""
_GROWTH, _DECAY = 1.5, 0.5
"""Of the length of a step after it was accepted, and after it was refused."""


def hover_grid(task: DescentTask, instances: Numbers, times: Numbers) -> Numbers:
    """The best plan among hovering for each flight time, once it is restored, shape (B, plan_size).

    Args:
        task: the system; how it is edited does not matter.
        instances: shape (B, 7).
        times: flight times in s to try, shape (G,).
    """
    editor, nothing = DescentTask("plan"), np.zeros((len(instances), DescentTask("plan").action_size))
    plans = editor.edit(instances, task.initial_plans(instances), nothing)
    checks = task.check(instances, plans)
    for time in times:
        tried = task.initial_plans(instances)
        tried[:, -1] = time
        tried = editor.edit(instances, tried, nothing)
        found = task.check(instances, tried)
        better = found.improves_on(checks)
        plans[better] = tried[better]
        checks = task.check(instances, plans)
    return plans


def reduced_gradient(task: DescentTask, instances: Numbers, plans: Numbers, iterations: int) -> tuple[Numbers, Numbers]:
    """Improve plans by steps along minus the reduced gradient, each restored; their length adapts, none gets worse.

    Every step is an edit of the kind `plan`, so it counts as one edit and one simulation.

    Args:
        task: the system; how it is edited does not matter.
        instances: shape (B, 7).
        plans: where to begin, shape (B, plan_size).
        iterations: how many steps.

    Returns:
        Plans, shape (B, plan_size), and the costs after each step, inf where infeasible, shape (B, iterations + 1).
    """
    editor, plans = DescentTask("plan"), plans.copy()
    unit = np.append(np.full(task.plan_size - 1, VEHICLE.thrust_high), TIME_UNIT)
    checks, size = task.check(instances, plans), np.ones((len(plans), 1))
    costs = np.empty((len(plans), iterations + 1))
    costs[:, 0] = np.where(checks.feasible, checks.cost, np.inf)
    for iteration in range(iterations):
        slopes = task.gradient(instances, plans).projected * unit / checks.cost[:, None]
        changes = -size * _RATE * slopes * unit
        actions = np.concatenate(
            [changes[:, :-1] / (CHANGE * VEHICLE.thrust_high), changes[:, -1:] / (LOG_TIME * plans[:, -1:])], axis=1
        )
        tried = editor.edit(instances, plans, np.clip(actions, -1.0, 1.0))
        found = task.check(instances, tried)
        better = found.improves_on(checks)
        plans[better] = tried[better]
        size *= np.where(better, _GROWTH, _DECAY)[:, None]
        checks = task.check(instances, plans)
        costs[:, iteration + 1] = np.where(checks.feasible, checks.cost, np.inf)
    return plans, costs
