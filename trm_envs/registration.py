"""The table of environment ids."""

from __future__ import annotations

from typing import Any, NamedTuple

import gymnasium as gym


class Row(NamedTuple):
    """One id: its puzzle's folder, the file there, the stem of its classes and keyword defaults."""

    id: str
    puzzle: str
    file: str
    stem: str
    kwargs: dict[str, Any]


ENVIRONMENTS = (
    Row("SudokuPlanEdit-4x4-v0", "sudoku", "env", "SudokuPlanEdit", {"size": 4}),
    Row("SudokuPlanEdit-9x9-v0", "sudoku", "env", "SudokuPlanEdit", {"size": 9}),
    Row("SudokuPlanEdit-16x16-v0", "sudoku", "env", "SudokuPlanEdit", {"size": 16}),
    Row("SudokuPlanEdit-25x25-v0", "sudoku", "env", "SudokuPlanEdit", {"size": 25}),
    Row("SudokuPlace-4x4-v0", "sudoku", "place_env", "SudokuPlace", {"size": 4}),
    Row("SudokuPlace-9x9-v0", "sudoku", "place_env", "SudokuPlace", {"size": 9}),
    Row("MazePlanEdit-5x5-v0", "maze", "env", "MazePlanEdit", {"size": 5}),
    Row("MazePlanEdit-9x9-v0", "maze", "env", "MazePlanEdit", {"size": 9}),
    Row("MazePlanEdit-15x15-v0", "maze", "env", "MazePlanEdit", {"size": 15}),
    Row("MazePlanEdit-31x31-v0", "maze", "env", "MazePlanEdit", {"size": 31}),
    Row("MazePlanEdit-Hard30x30-v0", "maze", "env", "MazePlanEdit", {"size": 30, "scattered": True, "shortest": True}),
    Row("MazeWalk-5x5-v0", "maze", "walk_env", "MazeWalk", {"size": 5}),
    Row("MazeWalk-7x7-v0", "maze", "walk_env", "MazeWalk", {"size": 7}),
    Row("MazeWalk-9x9-v0", "maze", "walk_env", "MazeWalk", {"size": 9}),
    Row("MazeWalk-11x11-v0", "maze", "walk_env", "MazeWalk", {"size": 11}),
    Row("MazeWalk-15x15-v0", "maze", "walk_env", "MazeWalk", {"size": 15}),
    Row("OpenMazeWalk-5x5-v0", "maze", "walk_env", "OpenMazeWalk", {"size": 5}),
    Row("LightUpPlanEdit-7x7-v0", "light_up", "env", "LightUpPlanEdit", {"size": 7}),
    Row("LightUpPlanEdit-10x10-v0", "light_up", "env", "LightUpPlanEdit", {"size": 10}),
    Row("GraphColouringPlanEdit-20-k3-v0", "colouring", "env", "GraphColouringPlanEdit", {"size": 20, "colours": 3}),
    Row("GraphColouringPlanEdit-50-k4-v0", "colouring", "env", "GraphColouringPlanEdit", {"size": 50, "colours": 4}),
    Row("GraphColouringPlanEdit-100-k5-v0", "colouring", "env", "GraphColouringPlanEdit", {"size": 100, "colours": 5}),
)


class ControlRow(NamedTuple):
    """One id of a system to control: the file of its environments, class prefix and keyword defaults."""

    id: str
    system: str
    prefix: str
    kwargs: dict[str, Any]


CONTROL_ENVIRONMENTS = (
    ControlRow("ControlPlanEdit-DoubleIntegrator-v0", "double_integrator", "DoubleIntegratorPlanEdit", {}),
    ControlRow(
        "ControlPlanEdit-DoubleIntegratorTight-v0", "double_integrator", "DoubleIntegratorPlanEdit", {"tight": True}
    ),
    ControlRow("Control-DoubleIntegrator-v0", "double_integrator", "DoubleIntegrator", {}),
    ControlRow("Control-DoubleIntegratorTight-v0", "double_integrator", "DoubleIntegrator", {"tight": True}),
    ControlRow("ControlPlanEdit-VanDerPol-v0", "van_der_pol", "VanDerPolPlanEdit", {}),
    ControlRow("Control-VanDerPol-v0", "van_der_pol", "VanDerPol", {}),
    ControlRow("ControlPlanEdit-PoweredDescent-v0", "powered_descent", "PoweredDescentPlanEdit", {}),
    ControlRow("Control-PoweredDescent-v0", "powered_descent", "PoweredDescent", {}),
)


def register_all() -> None:
    """Register every row with Gymnasium, single and vector."""
    for row in CONTROL_ENVIRONMENTS:
        module = f"trm_envs.control.{row.system}:{row.prefix}"
        gym.register(
            id=row.id,
            entry_point=f"{module}Env",
            vector_entry_point=f"{module}VectorEnv",
            kwargs=row.kwargs,
            # Edits or steps left are part of the state: their end is a true terminal.
            max_episode_steps=None,
        )
    for puzzle in ENVIRONMENTS:
        module = f"trm_envs.{puzzle.puzzle}.{puzzle.file}:{puzzle.stem}"
        gym.register(
            id=puzzle.id,
            entry_point=f"{module}Env",
            vector_entry_point=f"{module}VectorEnv",
            kwargs=puzzle.kwargs,
            # The edit budget is part of the state: its end is a true terminal, never a time limit's truncation.
            max_episode_steps=None,
        )
