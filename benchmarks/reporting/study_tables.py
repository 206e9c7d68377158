"""Tables of studies for hand-written pages, from their published rows."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

from benchmarks.protocol.published import published
from benchmarks.protocol.stats import success_interval
from benchmarks.protocol.study_rows import (
    DefaultsRow,
    LatentsRow,
    MiniGridRow,
    PlanningRow,
    RecedingRow,
    ScalingRow,
    SoakRow,
    StreamingRow,
)
from benchmarks.reporting import tables
from benchmarks.reporting.control_tables import share

SCALING_COLUMNS: dict[str, Callable[[ScalingRow], str]] = {
    "launcher": lambda row: row.launcher,
    "workers": lambda row: str(row.workers),
    "cells": lambda row: str(row.cells),
    "cells an hour": lambda row: f"{row.cells_per_hour:,.0f}",
    "start": lambda row: f"{row.start_s:.1f} s",
    "overhead a cell": lambda row: f"{row.overhead_s:.2f} s",
    "sent a cell": lambda row: tables.size(row.sent_bytes),
    "received a cell": lambda row: tables.size(row.received_bytes),
    "a checkpoint": lambda row: tables.size(row.model_bytes),
    "processor": lambda row: row.cpu,
}
"""Columns of the table of launchers: head -> what it says of one."""

SWEEP_CELLS = 10_000
SWEEP_COLUMNS: dict[str, Callable[[tuple[ScalingRow, int]], str]] = {
    "launcher": lambda one: one[0].launcher,
    "minutes a cell": lambda one: str(one[1]),
    "files and rows": lambda one: tables.size(SWEEP_CELLS * (one[0].sent_bytes + one[0].received_bytes)),
    "checkpoints": lambda one: tables.size(SWEEP_CELLS * one[1] * one[0].model_bytes),
    "overhead": lambda one: f"{SWEEP_CELLS * one[0].overhead_s / 3600:.1f} h of one worker",
}
"""Columns of what a sweep of `SWEEP_CELLS` cells moves, with a checkpoint a minute: head -> what it says of a row."""

SOAK_COLUMNS: dict[str, Callable[[SoakRow], str]] = {
    "minutes": lambda row: str(row.minutes),
    "vector steps": lambda row: f"{row.vector_steps:,}",
    "training steps": lambda row: f"{row.training_steps:,}",
    "puzzles scored": lambda row: f"{row.evaluated:,}",
    "memory, second quarter": lambda row: f"{row.early_mb:.1f} MB",
    "memory, last quarter": lambda row: f"{row.late_mb:.1f} MB",
    "growth": lambda row: f"{row.late_mb - row.early_mb:+.1f} MB",
}
"""Columns of the table of soaks: head -> what it says of one."""

STREAMING_COLUMNS: dict[str, Callable[[StreamingRow], str]] = {
    "puzzles": lambda row: f"{row.puzzles:,}",
    "solved": lambda row: f"{row.solved:,}",
    "killed after": lambda row: f"{row.killed_after:,}",
    "pieces": lambda row: f"{row.pieces:,}",
    "scored twice": lambda row: f"{row.scored_twice}",
    "memory, first piece": lambda row: f"{row.first_mb:.1f} MB",
    "most memory": lambda row: f"{row.peak_mb:.1f} MB",
    "growth": lambda row: f"{row.peak_mb - row.first_mb:+.1f} MB",
    "processor time": lambda row: f"{row.cpu_seconds:.0f} s",
}
"""Columns of the table of large files: head -> what it says of one."""

DEFAULTS_COLUMNS: dict[str, Callable[[list[DefaultsRow]], str]] = {
    "task": lambda rows: rows[0].task,
    "seeds": lambda rows: str(len(rows)),
    "learned": lambda rows: str(sum(row.score >= row.wanted for row in rows)),
    "wanted": lambda rows: f"{rows[0].wanted:g}",
    "worst score": lambda rows: f"{min(row.score for row in rows):g}",
    "median score": lambda rows: f"{statistics.median(row.score for row in rows):g}",
    "steps at most": lambda rows: f"{max(row.env_steps for row in rows):,}",
}
"""Columns of the table of UPITRM's defaults: head -> what it says of the runs of one task."""

MINIGRID_COLUMNS: dict[str, Callable[[list[MiniGridRow]], str]] = {
    "environment": lambda rows: f"`{rows[0].env_id}`",
    "view": lambda rows: rows[0].view,
    "policy": lambda rows: rows[0].policy,
    "weights": lambda rows: f"{rows[0].weights:,}",
    "env steps": lambda rows: tables.count(rows[0].env_steps),
    "reached": lambda rows: tables.rate(success_interval([row.solved for row in rows], rows[0].n)),
    "reached, sampled": lambda rows: tables.rate(success_interval([row.solved_sampled for row in rows], rows[0].n)),
    "processor time": lambda rows: f"{statistics.mean(row.cpu_seconds for row in rows):.0f} s",
    "seeds": lambda rows: str(len(rows)),
}
"""Columns of the table of MiniGrid: head -> what it says of the runs of one policy."""

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

NOTHING = "*No rows are published yet.*"
SWEPT_MINUTES = (1, 60)
"""How long the cells of a sweep may take."""


def scaling(folder: Path) -> str:
    """Measurements of launchers."""
    rows = published(ScalingRow, folder)
    return tables.markdown_columns(SCALING_COLUMNS, rows) if rows else NOTHING


def sweep(folder: Path) -> str:
    """What a sweep over a network moves, by the measurements of launchers."""
    rows = published(ScalingRow, folder)
    widest = max((row.workers for row in rows), default=0)
    swept = [row for row in rows if row.received_bytes and row.workers == widest]
    lines = [(row, minutes) for row in swept for minutes in SWEPT_MINUTES]
    return tables.markdown_columns(SWEEP_COLUMNS, lines) if rows else NOTHING


def soak(folder: Path) -> str:
    """Memory of soaks."""
    rows = published(SoakRow, folder)
    return tables.markdown_columns(SOAK_COLUMNS, rows) if rows else NOTHING


def streaming(folder: Path) -> str:
    """Memory of evaluations of large files."""
    rows = published(StreamingRow, folder)
    return tables.markdown_columns(STREAMING_COLUMNS, rows) if rows else NOTHING


def defaults(folder: Path) -> str:
    """What UPITRM's defaults learn, a line a task."""
    tasks = [list(rows) for _, rows in groupby(published(DefaultsRow, folder), lambda row: row.task)]
    return tables.markdown_columns(DEFAULTS_COLUMNS, tasks) if tasks else NOTHING


def minigrid(folder: Path) -> str:
    """How often policies reach the goal in MiniGrid, a line an environment and policy."""
    runs: dict[tuple[str, str, str, int], list[MiniGridRow]] = {}
    for row in published(MiniGridRow, folder):
        runs.setdefault((row.env_id, row.view, row.policy, row.env_steps), []).append(row)
    return tables.markdown_columns(MINIGRID_COLUMNS, list(runs.values())) if runs else NOTHING


def receding(folder: Path) -> str:
    """Closed loops of plan editors."""
    rows = published(RecedingRow, folder)
    return tables.markdown_columns(RECEDING_COLUMNS, rows) if rows else NOTHING


def latents(folder: Path) -> str:
    """What a controller's latents hold."""
    rows = published(LatentsRow, folder)
    return tables.markdown_columns(LATENTS_COLUMNS, rows) if rows else NOTHING


TABLES: dict[str, Callable[[Path], str]] = {
    "scaling": scaling,
    "sweep": sweep,
    "soak": soak,
    "streaming": streaming,
    "defaults": defaults,
    "minigrid": minigrid,
    "receding": receding,
    "latents": latents,
}
"""Name of a marked block -> its table, from a folder of published rows."""
