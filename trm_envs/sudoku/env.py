"""Sudoku plan editing: the environments."""

from __future__ import annotations

from typing import Any, Literal, cast

import numpy as np
from gymnasium.vector import AutoresetMode
from typing_extensions import Unpack

from trm_envs.plan_edit.env import PlanEditEnv
from trm_envs.plan_edit.instances import InstancePool, InstanceSource
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.problem import Problem, ProblemOptions, check_source_options, mdp_options
from trm_envs.plan_edit.vector_env import PlanEditVectorEnv
from trm_envs.sudoku.task import SudokuTask

Blanks = tuple[int, int] | Literal["minimal"]

DEFAULT_BLANKS: dict[int, Blanks] = {4: (6, 8), 9: (49, 56), 16: (90, 120)}


class SudokuOptions(ProblemOptions, total=False):
    """Keywords of the Sudoku environments."""

    blanks: Blanks
    """Blank cells of an instance, an inclusive range, or `minimal`."""
    violation_weight: float
    """Checker weight w_v, 2 by default."""
    dead_end_weight: float
    """Checker weight w_z, 5 by default."""
    allow_erase: bool
    """Append one erase action a cell; False by default."""


def sudoku_problem(size: int = 9, **options: Unpack[SudokuOptions]) -> Problem:
    """The MDP and the instances that `SudokuPlanEditEnv` is built on; takes the same keywords.

    Raises:
        TypeError: an unknown keyword.
        ValueError: a value outside its range, a range of blanks that no pool has, or a bad puzzle.
    """
    keywords = cast(dict[str, Any], options)
    unknown = set(keywords) - set(SudokuOptions.__annotations__) - set(ProblemOptions.__annotations__)
    if unknown:
        raise TypeError(f"unknown keywords {sorted(unknown)} of a Sudoku environment")
    check_source_options(keywords)
    task = SudokuTask(
        size,
        violation_weight=options.get("violation_weight", 2.0),
        dead_end_weight=options.get("dead_end_weight", 5.0),
        can_erase=options.get("allow_erase", False),
    )
    return Problem(PlanEditMDP(task, **mdp_options(keywords)), _source(task, options))


def _source(task: SudokuTask, options: SudokuOptions) -> InstanceSource:
    rng = np.random.default_rng(0)
    return InstancePool(np.zeros((1, task.n_cells), np.int8) + 0 * rng.integers(2))


class SudokuPlanEditEnv(PlanEditEnv):
    """Sudoku by plan editing."""

    def __init__(self, size: int = 9, render_mode: str | None = None, **options: Unpack[SudokuOptions]) -> None:
        super().__init__(*sudoku_problem(size, **options), render_mode)


class SudokuPlanEditVectorEnv(PlanEditVectorEnv):
    """B episodes of `SudokuPlanEditEnv` at once; takes the same keywords, and `num_envs` and `autoreset_mode`."""

    def __init__(
        self,
        num_envs: int = 1,
        size: int = 9,
        render_mode: str | None = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        **options: Unpack[SudokuOptions],
    ) -> None:
        super().__init__(num_envs, *sudoku_problem(size, **options), render_mode, autoreset_mode)
