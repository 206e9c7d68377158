"""Whether what a task tells networks, searches and people is right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium.error import DependencyNotInstalled
from numpy.typing import NDArray

from trm_envs.plan_edit.task import GRAPH, Grids, LegalActions, PlanTask, Symmetries
from trm_envs.testing.states import LEVELS, Cells, States, fail, legal_writes, next_plans, open_cells

TRIES = 256
"""Partly decided plans that `hopeless` is asked about."""


def check_groups(task: PlanTask) -> None:
    """A mapping of arrays of cells, each cell once a group."""
    groups = task.groups
    if not isinstance(groups, Mapping) or not groups:
        fail("groups", f"got {type(groups).__name__}", 'return a mapping such as {"line": array}, as a property')
    for kind, cells in groups.items():
        name = f"groups[{kind!r}]"
        if not isinstance(cells, np.ndarray) or cells.ndim != 2 or cells.dtype != np.int64:
            fail(name, "it is no int64 array of shape (n_groups, cells)", "build it with `pad_groups`")
        if task.has_graphs and kind == list(groups)[-1]:
            if cells.shape != GRAPH.shape:
                fail(name, f"got shape {cells.shape}", "name `GRAPH` as the last kind: `neighbours` reads the graphs")
            continue
        if len(cells) == 0:
            fail(name, "it has no group", "build it with `pad_groups`, or set `has_graphs`")
        if cells.min() < -1 or cells.max() >= task.n_cells:
            fail(name, f"cells from {cells.min()} to {cells.max()}", f"stay in 0..{task.n_cells - 1}, or -1 to pad")
        for number, group in enumerate(cells):
            members = group[group >= 0]
            if len(members) == 0 or len(np.unique(members)) < len(members):
                fail(name, f"group {number} is empty or holds a cell twice", "list each cell of a group once")


def check_graphs(task: PlanTask, instances: Grids) -> None:
    """Neighbours of each cell, padded at the end, each once, never itself, and mutual."""
    found = task.neighbours(instances)
    if found.dtype != np.int64 or found.ndim != 3 or found.shape[:2] != (len(instances), task.n_cells):
        shape = (len(instances), task.n_cells, "most")
        fail("neighbours", f"got shape {found.shape} and dtype {found.dtype}", f"return int64 of shape {shape}")
    for number, rows in enumerate(found, start=1):
        pads = rows < 0
        if (rows < -1).any() or (rows >= task.n_cells).any() or (pads[:, :-1] & ~pads[:, 1:]).any():
            fail("neighbours", "a cell out of range, or before it a pad", "pad with -1 at the end", number)
        linked = [(cell, int(other)) for cell, row in enumerate(rows) for other in row[row >= 0]]
        edges = set(linked)
        if len(edges) < len(linked) or any(cell == other or (other, cell) not in edges for cell, other in linked):
            fail("neighbours", "a neighbour twice, or one that is not mutual", "list each of the others once", number)


def check_symmetries(task: PlanTask, states: States, solved: States, rng: np.random.Generator) -> None:
    """First plans, checks and legality must go along with drawn symmetries."""
    states = states.joined(solved.at(slice(0, 16)))
    drawn = task.symmetries(len(states.plans), rng)
    _check_drawn(task, drawn, len(states.plans))
    instances, plans = drawn.apply_to_instances(states.instances), drawn.apply(states.plans)
    if instances.max() > task.instance_high or drawn.symbols[:, : task.plan_high + 1].max() > task.plan_high:
        remedy = f"map 0..{task.plan_high} onto itself, and instances into 0..{task.instance_high}"
        fail("symmetries (symbols)", "a value leaves the range of instances or plans", remedy)
    first = drawn.apply(task.initial_plans(states.instances))
    _compare("first plans", (task.initial_plans(instances) == first).all(axis=1), states)
    before, after = task.check(states.instances, states.plans), task.check(instances, plans)
    for name, left, right in zip(before._fields, before, after, strict=True):
        _compare(f"check ({name})", np.isclose(left.astype(float), right.astype(float)), states)
    for level in LEVELS:
        if not task.edits_cells:
            _compare(f"edit at {level!r}", _successors_go_along(task, drawn, states, level), states)
            continue
        tables = _tables(task, states.instances, states.plans, level), _tables(task, instances, plans, level)
        _compare(f"action_mask at {level!r}", _go_along(drawn, *tables), states)


def _successors_go_along(task: PlanTask, drawn: Symmetries, states: States, level: LegalActions) -> NDArray[np.bool_]:
    """Whether the plans that legal edits lead to are, after the symmetry, what they were before; shape (B,)."""
    same = np.empty(len(states.plans), np.bool_)
    for row, (instance, plan) in enumerate(zip(states.instances, states.plans, strict=True)):
        of_row = drawn.at(slice(row, row + 1))
        moved = {of_row.apply(after[None]).tobytes() for after in next_plans(task, instance, plan, level)}
        image = of_row.apply_to_instances(instance[None])[0], of_row.apply(plan[None])[0]
        same[row] = moved == {after.tobytes() for after in next_plans(task, *image, level)}
    return same


def _tables(task: PlanTask, instances: Grids, plans: Grids, level: LegalActions) -> Cells:
    """Which values legal edits write, shape (B, n_cells, plan_high + 1)."""
    rows = [legal_writes(task, x, y, level) for x, y in zip(instances, plans, strict=True)]
    return np.stack(rows)


def _go_along(drawn: Symmetries, before: Cells, after: Cells) -> NDArray[np.bool_]:
    """Whether what may be written into each cell is, after the symmetry, what it was before; shape (B,)."""
    moved = np.take_along_axis(before, drawn.cells[:, :, None], axis=1)
    symbols = drawn.symbols[:, None, : before.shape[2]].astype(np.int64)
    same: NDArray[np.bool_] = (np.take_along_axis(after, symbols, axis=2) == moved).all(axis=(1, 2))
    return same


def _check_drawn(task: PlanTask, drawn: Symmetries, batch: int) -> None:
    cells, symbols, places = drawn
    if places is not None and not (np.sort(places, axis=1) == np.arange(task.n_instance_cells)).all():
        remedy = f"return {batch} permutations of 0..{task.n_instance_cells - 1}"
        fail("symmetries (instance_cells)", f"got shape {places.shape}", remedy)
    n_values = max(task.instance_high, task.plan_high) + 1
    if cells.shape != (batch, task.n_cells) or not (np.sort(cells, axis=1) == np.arange(task.n_cells)).all():
        fail("symmetries (cells)", f"got shape {cells.shape}", f"return {batch} permutations of 0..{task.n_cells - 1}")
    if symbols.shape != (batch, n_values) or not (np.sort(symbols, axis=1) == np.arange(n_values)).all():
        fail("symmetries (symbols)", f"got shape {symbols.shape}", f"return {batch} permutations of 0..{n_values - 1}")
    if symbols.dtype != np.int8 or not np.issubdtype(cells.dtype, np.integer):
        fail("symmetries", f"got dtypes {cells.dtype} and {symbols.dtype}", "return int64 cells and int8 symbols")


def _compare(what: str, same: NDArray[np.bool_], states: States) -> None:
    if not same.all():
        number = int(states.numbers[np.argmin(same)])
        fail("symmetries", f"{what} does not go along", "draw only symmetries that keep every rule", number)


def check_hopeless(task: PlanTask, states: States, solved: States, rng: np.random.Generator) -> None:
    """Sound on what is known to be solvable, monotone, and blind to cells that are not decided."""
    if len(solved.plans):
        _check_sound(task, solved, rng)
    pool = states.joined(solved.at(slice(0, 64)))
    chosen = pool.at(rng.integers(len(pool.plans), size=TRIES))
    locked = ~open_cells(task, chosen.instances, chosen.plans)
    decided = locked | (rng.random(locked.shape) < rng.random((TRIES, 1)))
    said = task.hopeless(chosen.instances, chosen.plans, decided)
    other = np.where(decided, chosen.plans, _anything(task, decided, rng)).astype(np.int8)
    answer = task.hopeless(chosen.instances, other, decided)
    _complain(said != answer, chosen, "the answer depends on cells that are not decided")
    more = decided | (rng.random(locked.shape) < 0.3)
    lost = said & ~task.hopeless(chosen.instances, chosen.plans, more)
    _complain(lost, chosen, "the answer is not monotone: deciding more cells made True False")


def _check_sound(task: PlanTask, solved: States, rng: np.random.Generator) -> None:
    """Where decided cells are those of a solved plan there is hope."""
    chosen = solved.at(rng.integers(len(solved.plans), size=TRIES))
    locked = ~open_cells(task, chosen.instances, chosen.plans)
    decided = locked | (rng.random(locked.shape) < rng.random((TRIES, 1)))
    plans = np.where(decided, chosen.plans, _anything(task, decided, rng)).astype(np.int8)
    said = task.hopeless(chosen.instances, plans, decided)
    _complain(said, chosen, "it gives up a plan whose decided cells are those of a solved plan")


def _anything(task: PlanTask, like: Cells, rng: np.random.Generator) -> NDArray[np.int8]:
    return rng.integers(task.plan_high + 1, size=like.shape).astype(np.int8)


def _complain(wrong: Cells, states: States, found: str) -> None:
    if wrong.any():
        remedy = "say True only where no completion can be solved, or delete the override"
        fail("hopeless", found, remedy, int(states.numbers[np.argmax(wrong)]))


def check_drawing(task: PlanTask, states: States) -> None:
    """One state as a view, as text, and, where Pillow is installed, as an image."""
    instance, plan = states.instances[-1], states.plans[-1]
    view = task.view(instance.copy(), plan.copy())
    parts: dict[str, Any] = view._asdict()
    del parts["edits"]
    for name, part in parts.items():
        if len(part) != task.n_cells:
            fail(f"view ({name})", f"got {len(part)} entries", f"give one a cell, {task.n_cells}")
    named = task.n_symbols + int(task.can_erase) if task.edits_cells else task.n_actions
    if len(view.edits) != named:
        remedy = "name every symbol, then erasing where there is erasing; every edit where edits are none of cells"
        fail("view (edits)", f"got {len(view.edits)} names", remedy)
    text = task.render_text(instance.copy(), plan.copy())
    if not isinstance(text, str) or not text:
        fail("render_text", f"got {text!r}", "return text")
    try:
        image = task.render_image(instance.copy(), plan.copy())
    except DependencyNotInstalled:
        return
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        fail("render_image", "it is no uint8 array of shape (height, width, 3)", "return an RGB image")
