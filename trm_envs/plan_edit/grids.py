"""Bases of problems on a grid: a subclass says `groups` and `check`, and may override the rest.

A Latin square, whole:

    class Latin(SymbolTask):
        def __init__(self, n):
            super().__init__(shape=(n, n), n_symbols=n)

        @property
        def groups(self):
            return {"line": rows_and_columns(self.shape)}

        def check(self, instances, plans):
            return count_repeats(plans, self.groups["line"], self.n_symbols)
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from trm_envs.instances.numbers import truth
from trm_envs.plan_edit.drawing import MARK
from trm_envs.plan_edit.task import Grids, LegalActions, PlanTask
from trm_envs.plan_edit.view import PlanView

Cells = NDArray[np.bool_]
"""One truth value a cell, shape (B, n_cells)."""


class GridTask(PlanTask):
    """A problem in which an edit writes one value into one open cell; the base of `SymbolTask` and `MarkTask`.

    **Legal actions.** At level `givens` every open cell may be edited. At level `consistent` the checker decides: a
    value may be written where the plan then has no more violations than with 0 in that cell. Writing 0 is always legal.
    That asks the checker once for every edit and cell; a subclass with a faster way overrides `edit` and `action_mask`.
    """

    @abstractmethod
    def open_cells(self, instances: Grids) -> Cells:
        """Which cells edits may change, shape (B, n_cells); the others are locked."""

    @abstractmethod
    def flaw(self, instance: NDArray[np.int8]) -> str | None:
        """What is wrong with an instance, shape (n_cells,), in words; None where nothing is."""

    def edit(
        self, instances: Grids, plans: Grids, actions: NDArray[np.int64], level: LegalActions
    ) -> tuple[Grids, NDArray[np.bool_]]:
        """Write one value into one open cell."""
        rows = np.arange(len(plans))
        cells, values = self._written(plans, actions)
        legal = self.open_cells(instances)[rows, cells]
        if level == "consistent":
            legal &= self._breaks_nothing(instances, plans, cells, values)
        edited = plans.copy()
        edited[rows[legal], cells[legal]] = values[legal]
        return edited, legal

    def action_mask(self, instances: Grids, plans: Grids, level: LegalActions) -> NDArray[np.bool_]:
        """Which edits are legal, shape (B, n_actions)."""
        free = self.open_cells(instances)
        mask = np.repeat(free, self.n_symbols, axis=1)
        if self.can_erase:
            mask = np.concatenate([mask, free], axis=1)
        if level == "consistent":
            rows, actions = np.nonzero(mask)
            cells, values = self._written(plans[rows], actions)
            mask[rows, actions] = self._breaks_nothing(instances[rows], plans[rows], cells, values)
        return mask

    def validate(self, instances: Grids) -> None:
        """Raise ValueError naming the first instance that has a `flaw`."""
        for number, instance in enumerate(instances, start=1):
            if found := self.flaw(instance):
                raise ValueError(f"puzzle {number}: {found}")

    def _written(self, plans: Grids, actions: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
        """The cell of each action and what it writes there, shape (B,) each."""
        n_writes = self.n_cells * self.n_symbols
        erases = actions >= n_writes
        cells, symbols = np.divmod(np.where(erases, 0, actions), self.n_symbols)
        values = np.where(erases, 0, self.writes(plans)[np.arange(len(plans)), cells, symbols])
        return np.where(erases, actions - n_writes, cells), values.astype(np.int8)

    def _breaks_nothing(
        self, instances: Grids, plans: Grids, cells: NDArray[np.int64], values: NDArray[np.int8]
    ) -> NDArray[np.bool_]:
        """Whether the plan has no more violations with this value in this cell than with 0, shape (B,)."""
        rows, written, without = np.arange(len(plans)), plans.copy(), plans.copy()
        written[rows, cells], without[rows, cells] = values, 0
        after, before = (self.check(instances, each).violations for each in (written, without))
        return after <= before

    def _violating(self, instance: NDArray[np.int8], plan: NDArray[np.int8]) -> Cells:
        """The cells without whose value the plan has fewer violations, shape (n_cells,)."""
        without = np.tile(plan, (self.n_cells + 1, 1))
        np.fill_diagonal(without[:-1], 0)
        violations = self.check(np.tile(instance, (self.n_cells + 1, 1)), without).violations
        fewer: Cells = violations[:-1] < violations[-1]
        return fewer


class SymbolTask(GridTask):
    """A problem in which every cell of the plan takes one of the symbols 1..n_symbols; 0 is blank.

    An instance holds the given symbols, which are locked, and 0 elsewhere. The plan begins as the instance. Edit
    `cell * n_symbols + symbol - 1` writes a symbol into an open cell, blank or not; with `can_erase`, edit
    `n_cells * n_symbols + cell` blanks it.

    A subclass says `groups` and `check`. A plan with a blank cell must not be solved, and no symbol that is written
    into a blank may lower `violations`, or lower `dead_ends` without a violation; `count_repeats` is such a checker.
    Where a checker is not, override `hopeless`.

    Args:
        shape: rows and columns.
        n_symbols: how many symbols there are, 1 to 127.
        can_erase: add one erase action a cell.

    Raises:
        ValueError: a value is outside its range.
    """

    n_token_types = 5

    def __init__(self, shape: tuple[int, int], n_symbols: int, *, can_erase: bool = False) -> None:
        if not 1 <= n_symbols <= 127:
            raise ValueError(f"n_symbols must be within 1..127, the positive values of int8, got {n_symbols}")
        self.shape = _checked_shape(shape)
        self.n_symbols = self.instance_high = self.plan_high = int(n_symbols)
        self.can_erase = truth("can_erase", can_erase)

    def open_cells(self, instances: Grids) -> Cells:
        """The cells that are not given."""
        cells: Cells = instances == 0
        return cells

    def initial_plans(self, instances: Grids) -> Grids:
        """The given symbols."""
        return np.array(instances)

    def writes(self, plans: Grids) -> NDArray[np.int8]:
        """The symbol itself, whatever the plan."""
        symbols = np.arange(1, self.n_symbols + 1, dtype=np.int8)
        return np.broadcast_to(symbols, (len(plans), self.n_cells, self.n_symbols))

    def token_types(self, instances: Grids, plans: Grids) -> NDArray[np.int8]:
        """0 blank, 1 this symbol placed, 2 another placed, 3 this symbol given, 4 another given."""
        symbols = np.arange(1, self.n_symbols + 1, dtype=np.int8)
        other: Grids = np.where(plans == 0, 0, np.where(instances > 0, 4, 2)).astype(np.int8)
        types: Grids = other[:, :, None] - (plans[:, :, None] == symbols).astype(np.int8)
        return types

    def hopeless(self, instances: Grids, plans: Grids, decided: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """A decided cell is blank, or the decided symbols alone have a violation or a dead end.

        Fully decided plans are judged by whether they are solved.
        """
        fixed = decided | ~self.open_cells(instances)
        checks = self.check(instances, np.where(fixed, plans, 0).astype(np.int8))
        broken = (checks.violations > 0) | (checks.dead_ends > 0) | (fixed.all(axis=1) & ~checks.solved)
        hopeless: NDArray[np.bool_] = broken | (fixed & (plans == 0)).any(axis=1)
        return hopeless

    def flaw(self, instance: NDArray[np.int8]) -> str | None:
        """A symbol outside of its range, no blank, or given symbols with a violation."""
        if instance.min() < 0 or instance.max() > self.n_symbols:
            return f"symbols must be within 0..{self.n_symbols} (0 = blank)"
        if (instance > 0).all():
            return "nothing is blank, so there is nothing to edit"
        violations = self.check(instance[None], instance[None]).violations[0]
        return f"contradictory givens, with {violations} violations before the first edit" if violations else None

    def view(self, instance: NDArray[np.int8], plan: NDArray[np.int8]) -> PlanView:
        """Symbols as numbers; violating where the plan is better without, dead ends where no symbol fits."""
        edits = (*map(str, range(1, self.n_symbols + 1)), *(["erase"] if self.can_erase else []))
        mask = self.action_mask(instance[None], plan[None], "consistent")[0, : self.n_cells * self.n_symbols]
        dead = (plan == 0) & ~mask.reshape(self.n_cells, self.n_symbols).any(axis=1)
        shown = super().view(instance, plan)
        return shown._replace(violating=self._violating(instance, plan), dead_ends=dead, edits=edits)


class MarkTask(GridTask):
    """A problem in which every cell of the plan is marked (1) or not (0), and edit `cell` toggles the mark.

    An instance says by its values which cells are open to edits and which carry a mark at first. A subclass says
    `groups` and `check`.

    Args:
        shape: rows and columns.
        instance_high: largest value of an instance cell.
        open_values: instance values of the cells that edits may toggle; the other cells are locked.
        marked_values: instance values of the cells that are marked at first.

    Raises:
        ValueError: a value is outside its range.
    """

    n_symbols = 1
    plan_high = 1

    def __init__(
        self,
        shape: tuple[int, int],
        *,
        instance_high: int = 1,
        open_values: Collection[int] = (0,),
        marked_values: Collection[int] = (1,),
    ) -> None:
        if not 0 <= instance_high <= 63:
            raise ValueError(f"instance_high must be within 0..63, got {instance_high}")
        if not open_values or not {*open_values, *marked_values} <= set(range(instance_high + 1)):
            raise ValueError(
                f"open_values (at least one) and marked_values must be within 0..instance_high={instance_high}, "
                f"got {sorted(open_values)} and {sorted(marked_values)}"
            )
        self.shape = _checked_shape(shape)
        self.instance_high = int(instance_high)
        self.n_token_types = 2 * (self.instance_high + 1)
        self._is_open = np.isin(np.arange(self.instance_high + 1), list(open_values))
        self._first_marks = np.isin(np.arange(self.instance_high + 1), list(marked_values)).astype(np.int8)

    def open_cells(self, instances: Grids) -> Cells:
        """The cells whose instance value is one of `open_values`."""
        cells: Cells = self._is_open[instances]
        return cells

    def initial_plans(self, instances: Grids) -> Grids:
        """A mark on the cells whose instance value is one of `marked_values`."""
        plans: Grids = self._first_marks[instances]
        return plans

    def writes(self, plans: Grids) -> NDArray[np.int8]:
        """The other mark, shape (B, n_cells, 1)."""
        return (1 - plans)[:, :, None]

    def token_types(self, instances: Grids, plans: Grids) -> NDArray[np.int8]:
        """Twice the instance's value, and one more where the cell is marked; shape (B, n_cells, 1)."""
        return (2 * instances + plans)[:, :, None]

    def flaw(self, instance: NDArray[np.int8]) -> str | None:
        """A value outside of its range, no open cell, or a first plan that is solved already."""
        if instance.min() < 0 or instance.max() > self.instance_high:
            return f"cells must be within 0..{self.instance_high}"
        if not self.open_cells(instance[None]).any():
            return "no cell is open, so there is nothing to edit"
        solved = self.check(instance[None], self.initial_plans(instance[None])).solved[0]
        return "solved before the first edit" if solved else None

    def view(self, instance: NDArray[np.int8], plan: NDArray[np.int8]) -> PlanView:
        """A dot on every marked cell, else the instance's value; violating where the plan is better without."""
        facts = zip(instance.tolist(), plan.tolist(), strict=True)
        symbols = tuple(MARK if marked else str(value) if value else "" for value, marked in facts)
        shown = super().view(instance, plan)
        return shown._replace(symbols=symbols, violating=self._violating(instance, plan), edits=("toggle",))


def _checked_shape(shape: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns, at least one each."""
    rows, columns = map(int, shape)
    if rows < 1 or columns < 1:
        raise ValueError(f"shape must be at least one row and one column, got {tuple(shape)}")
    return rows, columns
