"""Sudoku as a plan-editing task."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from trm_envs.jit import kernel
from trm_envs.plan_edit.cover import Cover, symbol_cover
from trm_envs.plan_edit.grids import SymbolTask
from trm_envs.plan_edit.task import Checks, Grids, LegalActions, Symmetries, check_weights
from trm_envs.plan_edit.view import PlanView
from trm_envs.reading import Notation
from trm_envs.sudoku import render
from trm_envs.sudoku.geometry import Indices, cell_units, units
from trm_envs.sudoku.solver_kernels import bit_count
from trm_envs.sudoku.symmetry import random_symmetry
from trm_envs.sudoku.text import SYMBOLS, first_flaw, notation

Grid = NDArray[np.int8]
"""One flat row-major grid, shape (n_cells,)."""

# Digits are bits and units (rows, columns, boxes) are masks. The kernels fill arrays of the caller's: boxing a result
# would cost more than checking a small board does.


@kernel()
def _check(
    plans: Grids,
    units: Indices,
    violation_weight: float,
    dead_end_weight: float,
    score: NDArray[np.float64],
    solved: NDArray[np.bool_],
    filled: NDArray[np.int64],
    violations: NDArray[np.int64],
    dead_ends: NDArray[np.int64],
) -> None:
    """Fill the fields of `Checks`; `units` as in `geometry.cell_units`. Free of branches, which boards mispredict."""
    n_cells, size = plans.shape[1], units[-1, 0] + 1
    every_digit = (1 << size) - 1
    seen = np.empty(3 * size, np.int64)
    for b in range(len(plans)):
        seen[:] = 0
        n_filled = n_distinct = n_dead_ends = 0
        for cell in range(n_cells):
            bit = (1 << plans[b, cell]) >> 1
            n_filled += bit != 0
            for kind in range(3):
                seen[units[cell, kind]] |= bit
        for unit in range(3 * size):
            n_distinct += bit_count(seen[unit])
        for cell in range(n_cells):
            taken = seen[units[cell, 0]] | seen[units[cell, 1]] | seen[units[cell, 2]]
            n_dead_ends += (plans[b, cell] == 0) & (taken == every_digit)
        n_violations = 3 * n_filled - n_distinct
        filled[b], violations[b], dead_ends[b] = n_filled, n_violations, n_dead_ends
        solved[b] = n_filled == n_cells and n_violations == 0
        score[b] = n_filled - violation_weight * n_violations - dead_end_weight * n_dead_ends


@kernel()
def _edit(
    instances: Grids,
    actions: NDArray[np.int64],
    units: Indices,
    consistent: bool,
    edited: Grids,
    legal: NDArray[np.bool_],
) -> None:
    """Edit copies of the plans in place and say which edits were legal; actions from N^3 on erase."""
    n_cells, size = edited.shape[1], units[-1, 0] + 1
    for b in range(len(edited)):
        erase = actions[b] >= n_cells * size
        cell = actions[b] - n_cells * size if erase else actions[b] // size
        digit = 0 if erase else actions[b] % size + 1
        legal[b] = instances[b, cell] == 0
        if consistent and not erase:
            for other in range(n_cells):
                if edited[b, other] == digit and other != cell and (units[other] == units[cell]).any():
                    legal[b] = False
        if legal[b]:
            edited[b, cell] = digit


@kernel()
def _allow_free(instances: Grids, size: int, mask: NDArray[np.bool_]) -> None:
    """Fill in the legality of every digit where only the givens are locked."""
    for b in range(len(instances)):
        for cell in range(instances.shape[1]):
            free = instances[b, cell] == 0
            for k in range(size):
                mask[b, cell * size + k] = free


@kernel()
def _allow_consistent(instances: Grids, plans: Grids, units: Indices, mask: NDArray[np.bool_]) -> None:
    """Fill in the legality of every digit that no other cell of the row, column or box may hold already."""
    n_cells, size = plans.shape[1], units[-1, 0] + 1
    once, twice = np.empty(3 * size, np.int64), np.empty(3 * size, np.int64)
    for b in range(len(plans)):
        once[:] = 0
        twice[:] = 0
        for cell in range(n_cells):
            bit = (1 << plans[b, cell]) >> 1
            for kind in range(3):
                unit = units[cell, kind]
                twice[unit] |= once[unit] & bit
                once[unit] |= bit
        for cell in range(n_cells):
            row, column, box = units[cell, 0], units[cell, 1], units[cell, 2]
            own = (1 << plans[b, cell]) >> 1
            # A cell does not rule out its own digit: that is in the way only where a unit holds it twice.
            taken = (once[row] | once[column] | once[box]) & ~own | (twice[row] | twice[column] | twice[box]) & own
            allowed = ~taken if instances[b, cell] == 0 else 0
            for k in range(size):
                mask[b, cell * size + k] = allowed & 1
                allowed >>= 1


@kernel()
def _is_hopeless(plan: Grid, decided: NDArray[np.bool_], units: Indices, taken: NDArray[np.int64]) -> bool:
    """Whether a decided cell is blank or repeats a digit, or an open cell has none left; `taken` is scratch, (3N,)."""
    every_digit = (1 << (units[-1, 0] + 1)) - 1
    taken[:] = 0
    for cell in range(len(plan)):
        if decided[cell]:
            row, column, box = units[cell, 0], units[cell, 1], units[cell, 2]
            bit = (1 << plan[cell]) >> 1
            if bit == 0 or (taken[row] | taken[column] | taken[box]) & bit:
                return True
            taken[row] |= bit
            taken[column] |= bit
            taken[box] |= bit
    for cell in range(len(plan)):
        row, column, box = units[cell, 0], units[cell, 1], units[cell, 2]
        if not decided[cell] and taken[row] | taken[column] | taken[box] == every_digit:
            return True
    return False


@kernel()
def _hopeless(plans: Grids, decided: NDArray[np.bool_], units: Indices) -> NDArray[np.bool_]:
    """`_is_hopeless` of every plan, shape (B,)."""
    hopeless, taken = np.empty(len(plans), np.bool_), np.empty(3 * (units[-1, 0] + 1), np.int64)
    for b in range(len(plans)):
        hopeless[b] = _is_hopeless(plans[b], decided[b], units, taken)
    return hopeless


class SudokuTask(SymbolTask):
    """Fill an N x N grid so that every row, column and box holds every digit once.

    Instance and plan are grids of digits, 0 = blank. Action `cell * N + digit - 1` writes a digit into a cell that
    is not a given, filled or not; with `can_erase`, action `N^3 + cell` blanks it. Checker score:
    `filled - violation_weight * violations - dead_end_weight * dead_ends`, where violations count digits minus
    distinct digits over all units, and dead ends are blank cells that no digit fits.

    Args:
        size: side N, one of 4, 9, 16, 25.
        violation_weight: w_v >= 0, finite.
        dead_end_weight: w_z >= 0, finite.
        can_erase: add one erase action a cell.

    Raises:
        ValueError: a value is outside its range.
    """

    def __init__(
        self, size: int = 9, *, violation_weight: float = 2.0, dead_end_weight: float = 5.0, can_erase: bool = False
    ) -> None:
        self._units = cell_units(size)
        check_weights(violation_weight, dead_end_weight)
        super().__init__((size, size), size, can_erase=can_erase)
        self.size = size
        self.violation_weight = float(violation_weight)
        self.dead_end_weight = float(dead_end_weight)

    @cached_property
    def groups(self) -> Mapping[str, NDArray[np.int64]]:
        """`line`: rows, then columns; `box`: boxes."""
        return {"line": units(self.size)[: 2 * self.size], "box": units(self.size)[2 * self.size :]}

    @cached_property
    def cover(self) -> Cover:
        """One digit a cell, and every digit once in every row, column and box."""
        return symbol_cover(self.n_cells, self.size, exactly_once=self.groups.values())

    def symmetries(self, count: int, rng: np.random.Generator) -> Symmetries:
        """Bands, rows, stacks, columns, transposition and digits."""
        cells, digits = zip(*(random_symmetry(self.size, rng) for _ in range(count)), strict=True)
        return Symmetries(np.stack(cells), np.stack(digits))

    def edit(
        self, instances: Grids, plans: Grids, actions: NDArray[np.int64], level: LegalActions
    ) -> tuple[Grids, NDArray[np.bool_]]:
        """Write a digit into a cell, or blank it. Givens are locked.

        At level `consistent` a digit must also be new to its row, column and box.
        """
        edited, legal = plans.copy(), np.empty(len(plans), np.bool_)
        _edit(instances, actions, self._units, level == "consistent", edited, legal)
        return edited, legal

    def action_mask(self, instances: Grids, plans: Grids, level: LegalActions) -> NDArray[np.bool_]:
        """Which edits are legal, shape (B, n_actions)."""
        mask = np.empty((len(plans), self.n_actions), np.bool_)
        if level == "consistent":
            _allow_consistent(instances, plans, self._units, mask)
        else:
            _allow_free(instances, self.size, mask)
        if self.can_erase:
            mask[:, -self.n_cells :] = instances == 0
        return mask

    def check(self, instances: Grids, plans: Grids) -> Checks:
        """Filled cells minus weighted violations and dead ends."""
        checks = Checks.empty(len(plans))
        _check(plans, self._units, self.violation_weight, self.dead_end_weight, *checks)
        return checks

    def hopeless(self, instances: Grids, plans: Grids, decided: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """A decided cell is blank or repeats a digit of its row, column or box, or no digit is left for another."""
        hopeless: NDArray[np.bool_] = _hopeless(plans, decided, self._units)
        return hopeless

    @property
    def notation(self) -> Notation:
        """1-9 and then A-G for the digits, one of `. 0 * _ - ?` for a blank."""
        return notation(self.size)

    def flaw(self, instance: NDArray[np.int8]) -> str | None:
        """A repeated given, no blank, or no solution."""
        found = first_flaw(instance[None])
        return None if found is None else found[1]

    def render_text(self, instance: NDArray[np.int8], plan: NDArray[np.int8]) -> str:
        """See `trm_envs.sudoku.render.text`."""
        return render.text(instance, plan)

    def render_image(self, instance: NDArray[np.int8], plan: NDArray[np.int8]) -> NDArray[np.uint8]:
        """See `trm_envs.sudoku.render.image`."""
        return render.image(instance, plan)

    def view(self, instance: NDArray[np.int8], plan: NDArray[np.int8]) -> PlanView:
        """Digits, repeated ones violating, in boxes."""
        symbols = ("", *SYMBOLS[1 : self.size + 1])
        cells = zip(instance.tolist(), plan.tolist(), strict=True)
        repeated, dead = render.flaws(plan)
        return PlanView(
            tuple(symbols[digit] for digit in plan),
            tuple("given" if given else "edit" if digit else "blank" for given, digit in cells),
            repeated,
            dead,
            self._units[:, 2],
            (*symbols[1:], *(("erase",) if self.can_erase else ())),
        )
