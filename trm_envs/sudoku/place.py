"""Sudoku in which a digit that stands stays: a placing task."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trm_envs.plan_edit.task import Checks, Grids, LegalActions
from trm_envs.sudoku.task import SudokuTask


class SudokuPlaceTask(SudokuTask):
    """Place digits into the blank cells of an N x N grid; none can be taken back.

    As `SudokuTask`, but an edit is legal on a blank cell alone. A plan with a repeated digit, or with a blank cell that
    no digit fits, is lost. The score is that of `SudokuTask` over N^2, so `max_score`, the cost of failing, is 1.

    Args:
        size: side N, one of 4, 9, 16, 25.

    Raises:
        ValueError: the size is another one.
    """

    def __init__(self, size: int = 9) -> None:
        super().__init__(size)

    @property
    def max_score(self) -> float:
        """That of a full grid."""
        return 1.0

    def check(self, instances: Grids, plans: Grids) -> Checks:
        """As `SudokuTask.check`, with the score over N^2."""
        checks = super().check(instances, plans)
        return checks._replace(score=checks.score / self.n_cells)

    def lost(self, checks: Checks) -> NDArray[np.bool_]:
        """Plans with a repeated digit, or a blank cell that no digit fits."""
        lost: NDArray[np.bool_] = (checks.violations > 0) | (checks.dead_ends > 0)
        return lost

    def edit(
        self, instances: Grids, plans: Grids, actions: NDArray[np.int64], level: LegalActions
    ) -> tuple[Grids, NDArray[np.bool_]]:
        """Place a digit into a blank cell; at level `consistent` it must be new to its row, column and box."""
        # What stands in the plan is as good as given.
        return super().edit(plans, plans, actions, level)

    def action_mask(self, instances: Grids, plans: Grids, level: LegalActions) -> NDArray[np.bool_]:
        """Which placements are legal, shape (B, N^3)."""
        return super().action_mask(plans, plans, level)
