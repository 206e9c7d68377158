"""Sudoku as a plan-editing task."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from math import isqrt

import numpy as np
from numba import njit
from numpy.typing import NDArray

from trm_envs.plan_edit.task import Checks, Grids, LegalActions, PlanTask
from trm_envs.sudoku import render

SIZES = (4, 9, 16)


@njit(cache=True)
def _check(plans: Grids, box: int, violation_weight: float, dead_end_weight: float) -> tuple[NDArray[np.generic], ...]:
    """The fields of `Checks`; one bit a digit, one mask a unit."""
    size = box * box
    every_digit = (1 << size) - 1
    batch = len(plans)
    score, solved = np.empty(batch), np.empty(batch, np.bool_)
    filled, violations, dead_ends = np.zeros(batch, np.int64), np.zeros(batch, np.int64), np.zeros(batch, np.int64)
    units = np.zeros((3, size), np.int64)
    for b in range(batch):
        units[:] = 0
        for cell in range(size * size):
            if plans[b, cell] > 0:
                filled[b] += 1
                bit = 1 << (plans[b, cell] - 1)
                row, column = cell // size, cell % size
                for kind, unit in enumerate((row, column, row // box * box + column // box)):
                    # A digit that its unit holds already is one more digit than distinct digits.
                    violations[b] += (units[kind, unit] & bit) != 0
                    units[kind, unit] |= bit
        if filled[b] < size * size:
            for cell in range(size * size):
                if plans[b, cell] == 0:
                    row, column = cell // size, cell % size
                    seen = units[0, row] | units[1, column] | units[2, row // box * box + column // box]
                    dead_ends[b] += seen == every_digit
        solved[b] = filled[b] == size * size and violations[b] == 0
        score[b] = filled[b] - violation_weight * violations[b] - dead_end_weight * dead_ends[b]
    return score, solved, filled, violations, dead_ends


@njit(cache=True)
def _is_consistent(plan: NDArray[np.int8], cell: int, digit: int, box: int) -> bool:
    """Whether no other cell of the row, column or box of `cell` holds `digit`."""
    size = box * box
    row, column = cell // size, cell % size
    top, left = row // box * box, column // box * box
    for k in range(size):
        for other in (row * size + k, k * size + column, (top + k // box) * size + left + k % box):
            if other != cell and plan[other] == digit:
                return False
    return True


@njit(cache=True)
def _edit(
    instances: Grids, plans: Grids, actions: NDArray[np.int64], box: int, consistent: bool
) -> tuple[Grids, NDArray[np.bool_]]:
    """Plans after one edit each, and whether it was legal; actions from size**3 on erase."""
    size = box * box
    edited, legal = plans.copy(), np.empty(len(plans), np.bool_)
    for b in range(len(plans)):
        erase = actions[b] >= size**3
        cell = actions[b] - size**3 if erase else actions[b] // size
        digit = 0 if erase else actions[b] % size + 1
        legal[b] = instances[b, cell] == 0 and (erase or not consistent or _is_consistent(plans[b], cell, digit, box))
        if legal[b]:
            edited[b, cell] = digit
    return edited, legal


@njit(cache=True)
def _action_mask(instances: Grids, plans: Grids, n_actions: int, box: int, consistent: bool) -> NDArray[np.bool_]:
    """Legality of every edit."""
    size = box * box
    mask = np.zeros((len(plans), n_actions), np.bool_)
    for b in range(len(plans)):
        for cell in range(size * size):
            if instances[b, cell] == 0:
                for k in range(size):
                    mask[b, cell * size + k] = not consistent or _is_consistent(plans[b], cell, k + 1, box)
                if n_actions > size**3:
                    mask[b, size**3 + cell] = True
    return mask


class SudokuTask(PlanTask):
    """Fill an N x N grid so that every row, column and box holds every digit once.

    Instance and plan are grids of digits, 0 = blank. Action `cell * N + digit - 1` writes a digit into a cell that
    is not a given, filled or not; with `can_erase`, action `N^3 + cell` blanks it. Checker score:
    `filled - violation_weight * violations - dead_end_weight * dead_ends`, where violations count digits minus
    distinct digits over all units, and dead ends are blank cells that no digit fits.

    Args:
        size: side N, one of 4, 9, 16.
        violation_weight: w_v >= 0.
        dead_end_weight: w_z >= 0.
        can_erase: add one erase action a cell.

    Raises:
        ValueError: a value is outside its range.
    """

    def __init__(
        self, size: int = 9, *, violation_weight: float = 2.0, dead_end_weight: float = 5.0, can_erase: bool = False
    ) -> None:
        if size not in SIZES:
            raise ValueError(f"Sudoku size must be one of {SIZES}, got {size}")
        if violation_weight < 0 or dead_end_weight < 0:
            raise ValueError(
                f"checker weights must not be negative, got violation_weight={violation_weight}, "
                f"dead_end_weight={dead_end_weight}"
            )
        self.size = size
        self.box = isqrt(size)
        self.shape = (size, size)
        self.n_symbols = size
        self.instance_high = self.plan_high = size
        self.n_token_types = 5
        self.violation_weight = float(violation_weight)
        self.dead_end_weight = float(dead_end_weight)
        self.can_erase = bool(can_erase)

    @cached_property
    def relations(self) -> Mapping[str, NDArray[np.bool_]]:
        """`line`: same row or column; `box`: same box."""
        cells = np.arange(self.n_cells)
        row, column = cells // self.size, cells % self.size
        box = row // self.box * self.box + column // self.box
        others = ~np.eye(self.n_cells, dtype=np.bool_)
        line = (row[:, None] == row) | (column[:, None] == column)
        return {"line": line & others, "box": (box[:, None] == box) & others}

    def token_types(self, instances: Grids, plans: Grids) -> NDArray[np.int8]:
        """0 blank, 1 this digit placed, 2 another placed, 3 this digit given, 4 another given."""
        digits = np.arange(1, self.size + 1, dtype=np.int8)
        other = np.where(plans == 0, 0, np.where(instances > 0, 4, 2)).astype(np.int8)
        return other[:, :, None] - (plans[:, :, None] == digits).astype(np.int8)

    def initial_plans(self, instances: Grids) -> Grids:
        """The givens."""
        return instances.copy()

    def edit(
        self, instances: Grids, plans: Grids, actions: NDArray[np.int64], level: LegalActions
    ) -> tuple[Grids, NDArray[np.bool_]]:
        """Write a digit into a cell, or blank it. Givens are locked.

        At level `consistent` a digit must also be new to its row, column and box.
        """
        edited, legal = _edit(instances, plans, actions, self.box, level == "consistent")
        return edited, legal

    def action_mask(self, instances: Grids, plans: Grids, level: LegalActions) -> NDArray[np.bool_]:
        """Which edits are legal, shape (B, n_actions)."""
        mask: NDArray[np.bool_] = _action_mask(instances, plans, self.n_actions, self.box, level == "consistent")
        return mask

    def check(self, instances: Grids, plans: Grids) -> Checks:
        """Filled cells minus weighted violations and dead ends."""
        return Checks(*_check(plans, self.box, self.violation_weight, self.dead_end_weight))

    def validate(self, instances: Grids) -> None:
        """Every digit in range, at least one blank, and no digit given twice in a unit."""
        for number, instance in enumerate(instances, start=1):
            if instance.min() < 0 or instance.max() > self.size:
                raise ValueError(f"puzzle {number}: digits must be within 0..{self.size} (0 = blank)")
            if (instance > 0).all():
                raise ValueError(f"puzzle {number}: nothing is blank, so there is nothing to edit")
            if self.check(instance[None], instance[None]).violations[0]:
                raise ValueError(f"puzzle {number}: contradictory givens, a digit repeats in a row, column or box")

    def render_text(self, instance: NDArray[np.int8], plan: NDArray[np.int8]) -> str:
        """See `trm_envs.sudoku.render.text`."""
        return render.text(instance, plan)

    def render_image(self, instance: NDArray[np.int8], plan: NDArray[np.int8]) -> NDArray[np.uint8]:
        """See `trm_envs.sudoku.render.image`."""
        return render.image(instance, plan)
