"""The puzzles that `reset(options={"puzzle": ...})` names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trm_envs.plan_edit.task import Grids, PlanTask
from trm_envs.reading import as_array, from_memory

_NAME = "options['puzzle']"


def chosen_puzzle(task: PlanTask, options: dict[str, Any]) -> NDArray[np.int8] | None:
    """The instance of reset's options, shape (n_instance_cells,), or None.

    Raises:
        ValueError: an unknown option, a wrong size, a bad value, or an instance that has a flaw.
    """
    found = chosen_puzzles(task, options, np.ones(1, np.bool_))
    return None if found is None else found[0]


def chosen_puzzles(task: PlanTask, options: dict[str, Any], rows: NDArray[np.bool_]) -> Grids | None:
    """The instances of reset's options, one for each of the `rows` that begin, or None.

    Args:
        task: whose instances.
        options: nothing, or `puzzle`: one instance for all, or one for each of `rows` whether it begins or not.
        rows: which episodes begin, shape (B,).

    Raises:
        ValueError: as `chosen_puzzle`.
    """
    if not options:
        return None
    if set(options) != {"puzzle"}:
        names = sorted(map(str, set(options) - {"puzzle"}))
        raise ValueError(f"unknown reset options {names}; the only one is 'puzzle'")
    found = _read(task, options["puzzle"], len(rows))
    one = len(found) == 1
    for index in [0] if one else np.flatnonzero(rows).tolist():
        try:
            task.validate(found[index : index + 1])
        except ValueError as error:
            place = _NAME if one else f"{_NAME}[{index}]"
            raise ValueError(f"{place}: {str(error).removeprefix('puzzle 1: ')}") from None
    return np.repeat(found, rows.sum(), axis=0) if one else found[rows]


def _read(task: PlanTask, puzzle: Any, count: int) -> Grids:
    """One instance, or `count` of them, as written."""
    wanted = "one puzzle" if count == 1 else f"one puzzle or {count} of them"
    if isinstance(puzzle, str):
        try:
            grids = [batch.grids for batch in from_memory(puzzle, task.notation, _NAME)]
            if not grids:
                raise ValueError("it is blank")
        except ValueError as error:
            raise ValueError(
                f"{_NAME} must be an array or one line of text, no file's name, got {puzzle[:100]!r}: {error}"
            ) from None
    else:
        grids = [batch.grids for batch in from_memory(_as_batch(puzzle, task.n_instance_cells), task.notation, _NAME)]
    found = np.concatenate(grids) if grids else np.zeros((0, task.n_instance_cells), np.int8)
    if len(found) not in (1, count):
        raise ValueError(f"{_NAME} must be {wanted}, got {len(found)}")
    return found


def _as_batch(puzzle: Any, n_cells: int) -> Any:
    """An array of one puzzle, in any shape, as a batch of one; anything else as it is."""
    if isinstance(puzzle, Sequence) and any(isinstance(part, str) for part in puzzle):
        return puzzle
    array = as_array(puzzle, _NAME)
    if array.dtype.kind in "OUST":
        return puzzle
    if array.size == 0 or array.size % n_cells:
        raise ValueError(f"{_NAME} must have {n_cells} cells, got an array of shape {array.shape}")
    return array.reshape(1, -1) if array.size == n_cells else array
