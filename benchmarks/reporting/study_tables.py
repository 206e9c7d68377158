"""Columns of the tables of studies."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.protocol.study_rows import LatentsRow, PlanningRow, RecedingRow
from benchmarks.reporting.control_tables import share

RECEDING_COLUMNS: dict[str, Callable[[RecedingRow], str]] = {
    "editor": lambda row: row.editor,
    "test": lambda row: "yes" if row.test else "no",
    "noise": lambda row: f"{row.noise:g}",
    "states": lambda row: f"{row.started} of {row.n}",
    "steps": lambda row: f"{row.steps:,}",
    "edits accepted": lambda row: f"{100 * row.accepted / row.steps:.0f} %",
    "violations": lambda row: f"{row.violations:,}",
    "value rises": lambda row: f"{row.rises:,}",
    "dearer plan": lambda row: f"{row.worse:,}",
    "infeasible plan": lambda row: f"{row.lost:,}",
    "mean norm at the end": lambda row: f"{row.mean_norm:.2g}",
    "largest": lambda row: f"{row.largest_norm:.2g}",
}
"""Columns of the table of closed loops: head -> what it says of one."""

PLANNING_COLUMNS: dict[str, Callable[[PlanningRow], str]] = {
    "planner": lambda row: row.planner,
    "edits": lambda row: str(row.edits),
    "mean gap": lambda row: share(row.gap_mean),
    "ms alone": lambda row: f"{row.ms_1:.3g}",
    "ms among 256": lambda row: "" if row.ms_256 is None else f"{row.ms_256:.3g}",
}
"""Columns of the table of processor times: head -> what it says of one."""

LATENTS_COLUMNS: dict[str, Callable[[LatentsRow], str]] = {
    "edits": lambda row: str(row.edit),
    "offset": lambda row: f"{100 * row.offset:.1f} %",
    "two components": lambda row: f"{100 * row.two:.1f} %",
    "moved": lambda row: f"{100 * row.moved:.1f} %",
    "position": lambda row: f"{row.of_position:.2f}",
    "velocity": lambda row: f"{row.of_velocity:.2f}",
    "log J*": lambda row: f"{row.of_optimum:.2f}",
    "share at bound": lambda row: f"{row.of_bound:.2f}",
    "log gap": lambda row: f"{row.of_gap:.2f}",
}
"""Columns of the table of latents: head -> what it says of one."""
