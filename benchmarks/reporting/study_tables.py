"""Tables of studies for hand-written pages, from their published rows."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

from benchmarks.protocol.published import published
from benchmarks.protocol.study_rows import DefaultsRow, ScalingRow, SoakRow
from benchmarks.reporting import tables

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


def defaults(folder: Path) -> str:
    """What UPITRM's defaults learn, a line a task."""
    tasks = [list(rows) for _, rows in groupby(published(DefaultsRow, folder), lambda row: row.task)]
    return tables.markdown_columns(DEFAULTS_COLUMNS, tasks) if tasks else NOTHING


TABLES: dict[str, Callable[[Path], str]] = {"scaling": scaling, "sweep": sweep, "soak": soak, "defaults": defaults}
"""Name of a marked block -> its table, from a folder of published rows."""
