"""Whether instances, edits and the checker of a task fit together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trm_envs.plan_edit.task import Grids, PlanTask
from trm_envs.testing.states import LEVELS, States, all_plans, fail


def check_instances(task: PlanTask, instances: Grids) -> None:
    """Values in range, accepted by `validate`, and an episode that can begin and is not over."""
    for name in ("n_symbols", "instance_high", "plan_high", "n_token_types"):
        if not 0 <= getattr(task, name, -1) <= 127:
            fail(name, f"got {getattr(task, name, None)!r}", "set an integer within 0..127")
    for number, instance in enumerate(instances, start=1):
        if instance.min() < 0 or instance.max() > task.instance_high:
            found = f"values from {instance.min()} to {instance.max()} in the instance"
            fail("instance_high", found, f"stay in 0..{task.instance_high} or raise it", number)
        try:
            task.validate(instance[None].copy())
        except ValueError as error:
            fail("validate", f"the instance is refused ({error})", "correct `validate` or the instance", number)
        plan = task.initial_plans(instance[None].copy())
        if not task.action_mask(instance[None].copy(), plan, "givens").any():
            fail("action_mask", "no edit of the first plan is legal", "open a cell, or drop the instance", number)
        if task.check(instance[None].copy(), plan).solved.any():
            fail("check", "the first plan is solved already", "correct `check` or drop the instance", number)


def check_edits(task: PlanTask, states: States) -> None:
    """Try every edit of some states against `action_mask` and `writes`."""
    for row in range(0, len(states.plans), max(1, len(states.plans) // 8)):
        instance, plan, number = states.instances[row], states.plans[row], int(states.numbers[row])
        allowed = {}
        for level in LEVELS:
            allowed[level] = task.action_mask(instance[None], plan[None], level)[0]
            instances, plans = (np.repeat(grid[None], task.n_actions, axis=0) for grid in (instance, plan))
            edited, legal = task.edit(instances, plans, np.arange(task.n_actions), level)
            if (wrong := np.flatnonzero(legal != allowed[level])).size:
                found = f"edit {wrong[0]} is {'legal' if legal[wrong[0]] else 'illegal'}, and the mask says otherwise"
                fail(f"edit and action_mask at {level!r}", found, "let both follow one rule", number)
            _check_written(task, plan, edited, legal, number)
        if (allowed["consistent"] & ~allowed["givens"]).any():
            found = "an edit is legal at 'consistent' and not at 'givens'"
            fail("action_mask", found, "'consistent' may only forbid more", number)


def _check_written(
    task: PlanTask, plan: NDArray[np.int8], edited: Grids, legal: NDArray[np.bool_], number: int
) -> None:
    """An edit writes what `writes` says (erasing: 0) into its own cell and nothing else; an illegal one nothing."""
    changed = edited != plan
    if (wrong := np.flatnonzero(changed.any(axis=1) & ~legal)).size:
        fail("edit", f"the illegal edit {wrong[0]} changed the plan", "return the plan as it was", number)
    if ((edited < 0) | (edited > task.plan_high)).any():
        fail("edit", "a value outside 0..plan_high was written", f"stay in 0..{task.plan_high}", number)
    if not task.edits_cells:
        return
    cells = np.concatenate([np.repeat(np.arange(task.n_cells), task.n_symbols), np.arange(task.n_cells)])
    cells = cells[: task.n_actions]
    own = np.zeros_like(changed)
    own[np.arange(task.n_actions), cells] = True
    if (strange := np.argwhere(changed & ~own)).size:
        edit, cell = strange[0]
        found = f"edit {edit}, of cell {cells[edit]}, changed cell {cell}"
        fail("edit", found, "change only cell = edit // n_symbols", number)
    erased = np.zeros(task.n_cells if task.can_erase else 0, np.int8)
    written = np.concatenate([task.writes(plan[None])[0].ravel(), erased])
    values = edited[np.arange(task.n_actions), cells]
    if (wrong := np.flatnonzero(legal & (values != written))).size:
        edit = wrong[0]
        found = f"edit {edit} wrote {values[edit]} into cell {cells[edit]}, and `writes` says {written[edit]}"
        fail("edit and writes", found, "let both say the same", number)


def check_checker(task: PlanTask, states: States, solved: States) -> None:
    """Try what the checker says of the states, of solved plans, and of all plans of small instances."""
    _check_checks(task, states.joined(solved))
    for number, instance in enumerate(states.instances[: states.numbers.max()], start=1):
        plans = all_plans(task, instance)
        if plans is not None:
            rows = np.repeat(instance[None], len(plans), axis=0)
            _check_checks(task, States(rows, plans, np.full(len(plans), number)))


def _check_checks(task: PlanTask, states: States) -> None:
    checks = task.check(states.instances, states.plans)
    limit = f"max_score = {task.max_score}"
    faults = [
        (~np.isfinite(checks.score), "the score is not finite", "score every plan with a finite number"),
        (checks.score > task.max_score + 1e-9, f"a score exceeds {limit}", "override `max_score` or lower the score"),
        (checks.solved & (checks.violations > 0), "a solved plan has violations", "solved means: no rule is broken"),
        (checks.solved & (checks.dead_ends > 0), "a solved plan has dead ends", "count what cannot be completed"),
        ((checks.filled < 0) | (checks.filled > task.n_cells), "filled is no number of cells", "count cells"),
        ((checks.violations < 0) | (checks.dead_ends < 0), "a count is negative", "count from 0"),
    ]
    for wrong, found, remedy in faults:
        if wrong.any():
            row = int(np.argmax(wrong))
            fail("check", f"{found}, plan {states.plans[row].tolist()}", remedy, int(states.numbers[row]))
