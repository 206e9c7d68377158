"""The states that a task is tried on, its solved plans, and how a fault is described."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import product
from typing import NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from trm_envs.plan_edit.task import Grids, LegalActions, PlanTask

LEVELS: tuple[LegalActions, ...] = ("givens", "consistent")

MOST_PLANS = 2**16
"""Brute force goes through all plans of an instance where there are no more."""

MOST_STATES = 64
"""Walked states that are kept."""

Cells = NDArray[np.bool_]


class States(NamedTuple):
    """Instances, plans, and which instance (counted from 1) each row belongs to."""

    instances: Grids
    plans: Grids
    numbers: NDArray[np.int64]

    def at(self, rows: NDArray[np.int64] | slice) -> States:
        """The states of these rows."""
        return States(self.instances[rows], self.plans[rows], self.numbers[rows])

    def joined(self, other: States) -> States:
        """The states of both."""
        return stacked([self, other])


def stacked(parts: Sequence[States]) -> States:
    """The states of all parts in one batch."""
    return States(
        np.concatenate([part.instances for part in parts]),
        np.concatenate([part.plans for part in parts]),
        np.concatenate([part.numbers for part in parts]),
    )


def fail(method: str, found: str, remedy: str, number: int | None = None) -> NoReturn:
    """Say what is wrong with a task.

    Args:
        method: what is at fault.
        found: what was found.
        remedy: what to do.
        number: the instance, counted from 1.
    """
    where = "" if number is None else f", instance {number}"
    raise AssertionError(f"{method}{where}: {found}; {remedy}")


def walked_states(task: PlanTask, instances: Grids, rng: np.random.Generator) -> States:
    """First states, and some that random legal edits lead to, shape (at most MOST_STATES, n_cells)."""
    numbers = np.arange(1, len(instances) + 1)
    seen = []
    for level in LEVELS:
        plans = task.initial_plans(instances.copy())
        for _ in range(min(task.n_cells, 40)):
            seen.append(States(instances, plans, numbers))
            actions = [_some_action(task, x, y, level, rng) for x, y in zip(instances, plans, strict=True)]
            plans, _ = task.edit(instances.copy(), plans.copy(), np.array(actions, np.int64), "givens")
    first, later = seen[0], stacked(seen[1:])
    kept = rng.choice(len(later.plans), min(len(later.plans), MOST_STATES - len(instances)), replace=False)
    return first.joined(later.at(kept))


def _some_action(
    task: PlanTask, instance: NDArray[np.int8], plan: NDArray[np.int8], level: LegalActions, rng: np.random.Generator
) -> int:
    """A legal action at this level, or, where there is none, one at level `givens`; 0 where there is none either."""
    for tried in (level, LEVELS[0]):
        legal = np.flatnonzero(task.action_mask(instance[None].copy(), plan[None].copy(), tried)[0])
        if len(legal):
            return int(rng.choice(legal))
    return 0


def known_solutions(task: PlanTask, instances: Grids, solutions: Grids | None) -> States:
    """Solved plans: those given, and all of the instances that are small enough for brute force.

    A warning is given where there are none.
    """
    nowhere, nothing = (np.zeros((0, width), np.int8) for width in (task.n_instance_cells, task.n_cells))
    found = States(nowhere, nothing, np.zeros(0, np.int64))
    if solutions is not None:
        found = _given(task, instances, solutions)
    for number, instance in enumerate(instances, start=1):
        plans = all_plans(task, instance)
        if plans is None:
            continue
        rows = np.repeat(instance[None], len(plans), axis=0)
        solved = plans[task.check(rows, plans).solved]
        if len(solved) == 0:
            fail("check", f"none of all {len(plans)} plans is solved", "correct `check`, or drop the instance", number)
        found = found.joined(States(rows[: len(solved)], solved, np.full(len(solved), number)))
    if len(found.plans) == 0:
        warnings.warn(
            f"no solved plan is known, so `hopeless` and solved plans were not tried: give an instance with at most "
            f"{MOST_PLANS} plans (fewer open cells), or solutions=",
            stacklevel=3,
        )
    return found


def _given(task: PlanTask, instances: Grids, solutions: Grids) -> States:
    """The user's solutions, which must be solved and within reach of edits."""
    solved = task.check(instances, solutions).solved
    for number, (instance, solution) in enumerate(zip(instances, solutions, strict=True), start=1):
        if not solved[number - 1]:
            fail("check", "the given solution is not solved", "correct `check` or solutions=", number)
        if not task.edits_cells:
            continue
        within = reachable_values(task, instance)[np.arange(task.n_cells), solution]
        if not within.all():
            cell = int(np.argmin(within))
            fail("writes", f"no edit writes {solution[cell]} in cell {cell}", "correct `writes` or solutions=", number)
    return States(instances, solutions, np.arange(1, len(instances) + 1))


def reachable_values(task: PlanTask, instance: NDArray[np.int8]) -> Cells:
    """Which values edits can write into each cell, the first one included; shape (n_cells, plan_high + 1)."""
    first = task.initial_plans(instance[None])[0]
    values = np.zeros((task.n_cells, task.plan_high + 1), np.bool_)
    values[np.arange(task.n_cells), first] = True
    while True:
        before = values.copy()
        for value in range(task.plan_high + 1):
            plan = np.where(values[:, value], value, first).astype(np.int8)[None]
            cells, written = legal_writes(task, instance, plan[0], "givens").nonzero()
            values[cells, written] = True
        if np.array_equal(values, before):
            return values


def legal_writes(task: PlanTask, instance: NDArray[np.int8], plan: NDArray[np.int8], level: LegalActions) -> Cells:
    """Which values legal edits write into each cell, shape (n_cells, plan_high + 1)."""
    mask = task.action_mask(instance[None].copy(), plan[None].copy(), level)[0]
    edits = mask[: task.n_cells * task.n_symbols].reshape(task.n_cells, task.n_symbols)
    written = task.writes(plan[None])[0]
    table = np.zeros((task.n_cells, task.plan_high + 1), np.bool_)
    cells, symbols = edits.nonzero()
    table[cells, written[cells, symbols]] = True
    if task.can_erase:
        table[:, 0] |= mask[-task.n_cells :]
    return table


def next_plans(
    task: PlanTask, instance: NDArray[np.int8], plan: NDArray[np.int8], level: LegalActions = "givens"
) -> Grids:
    """The plans that legal edits lead to, one an edit, shape (n, n_cells)."""
    actions = np.flatnonzero(task.action_mask(instance[None].copy(), plan[None].copy(), level)[0])
    instances, plans = (np.repeat(grid[None], len(actions), axis=0) for grid in (instance, plan))
    return task.edit(instances, plans, actions, level)[0]


def open_cells(task: PlanTask, instances: Grids, plans: Grids) -> Cells:
    """The cells that some edit is legal in at level `givens`, shape (B, n_cells); all where edits are none of cells."""
    if not task.edits_cells:
        return np.ones(plans.shape, np.bool_)
    mask = task.action_mask(instances, plans, "givens")[:, : task.n_cells * task.n_symbols]
    cells: Cells = np.logical_or.reduce(mask.reshape(len(plans), task.n_cells, task.n_symbols), axis=2)
    return cells


def all_plans(task: PlanTask, instance: NDArray[np.int8]) -> Grids | None:
    """Every plan that edits can reach, shape (n, n_cells); None where there are more than MOST_PLANS."""
    if not task.edits_cells:
        return _reachable_plans(task, instance)
    values = [np.flatnonzero(row) for row in reachable_values(task, instance)]
    if np.prod([float(len(row)) for row in values]) > MOST_PLANS:
        return None
    return np.array(list(product(*values)), np.int8)


def _reachable_plans(task: PlanTask, instance: NDArray[np.int8]) -> Grids | None:
    """As `all_plans`, by going from plan to plan."""
    found = [task.initial_plans(instance[None])[0]]
    seen = {found[0].tobytes()}
    for plan in found:
        for after in next_plans(task, instance, plan):
            if after.tobytes() not in seen:
                seen.add(after.tobytes())
                found.append(after)
        if len(found) > MOST_PLANS:
            return None
    return np.array(found, np.int8)
