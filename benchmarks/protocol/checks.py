"""What contradicts itself in a record: numbers that cannot be, puzzles that do not exist, counts against their bits."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import math
import re
from functools import cache
from typing import Any

import numpy as np

from baselines.line import SYSTEMS
from benchmarks.protocol import suites
from benchmarks.protocol.control import unpacked
from benchmarks.protocol.provenance import pool_hash
from benchmarks.protocol.rows import (
    ComputeRow,
    ControlRow,
    CurveRow,
    FailureRow,
    RefutationRow,
    ResultRow,
    ShortestRow,
    SpeedRow,
    TuningRow,
    unpack_bits,
)
from benchmarks.protocol.study_rows import (
    DefaultsRow,
    GrowthRow,
    LatentsRow,
    MiniGridRow,
    PathsRow,
    PlanningRow,
    RecedingRow,
    ScalingRow,
    SoakRow,
    StreamingRow,
)

_STUDIES = (
    RefutationRow,
    SpeedRow,
    DefaultsRow,
    MiniGridRow,
    PathsRow,
    PlanningRow,
    RecedingRow,
    LatentsRow,
    GrowthRow,
    ScalingRow,
    SoakRow,
    StreamingRow,
)
_OURS = (ResultRow, CurveRow, ComputeRow, TuningRow, FailureRow, *_STUDIES)
"""Records of the benchmark; those of studies may hold numbers that are none, where a bound does not exist."""
_OF_LATENTS = ("of_position", "of_velocity", "of_optimum", "of_bound", "of_gap")
_SIGNED = ("exit_code", "score", "gap_mean", "gap_median", "gap_p95", *_OF_LATENTS)
"""Fields that may be negative; a plan may cost a little less than the reference, whose solver stops at a tolerance."""
_LEVELS = ("givens", "consistent")
ALL_LEGAL = "all"
"""Level of rows of systems: no edit is illegal, each is brought into the bounds."""


def problem_of(record: Any) -> str | None:
    """What is wrong with a record of the benchmark; None where nothing is, and for records of other classes."""
    if not isinstance(record, _OURS):
        return None
    return _not_a_number(record) or _not_of_its_suite(record) or _not_counted(record)


def scored_elsewhere(record: Any) -> str | None:
    """Whether a result was scored on other puzzles than the shipped test pool of its suite, in words."""
    row = suites.suite(record.suite)
    shipped = _shipped_hash(row.env_id, json.dumps(row.env_kwargs))
    if record.pool_sha256 == shipped:
        return None
    return (
        f"it was scored on a test pool with SHA-256 {record.pool_sha256}, the shipped one of "
        f"{record.suite} has {shipped}: run it again on the shipped pool"
    )


@cache
def _shipped_hash(env_id: str, env_kwargs: str) -> str:
    return pool_hash(suites.scored_pool(env_id, json.loads(env_kwargs), "test").instances)


def _not_a_number(record: Any) -> str | None:
    """Numbers that are not finite, or negative where they count something."""
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if isinstance(value, float) and not math.isfinite(value):
            return f"{field.name} is {value}, which is no number"
        if isinstance(value, (int, float)) and value < 0 and field.name not in _SIGNED:
            return f"{field.name} is {value}, which is below 0"
    return None


def _not_of_its_suite(record: Any) -> str | None:
    """A suite that does not exist, or another environment or pool than it has."""
    name = getattr(record, "suite", None)
    # A failed cell has nothing that a table would show.
    if name is None or isinstance(record, FailureRow):
        return None
    if name not in suites.SUITES:
        return f"unknown suite {name!r}; known suites: {', '.join(suites.SUITES)}"
    if isinstance(record, (ResultRow, ComputeRow)) and record.env_id != suites.SUITES[name].env_id:
        return f"env_id is {record.env_id!r}, which is not that of {name}, {suites.SUITES[name].env_id!r}"
    if isinstance(record, ResultRow):
        levels = (ALL_LEGAL,) if isinstance(record, ControlRow) else _LEVELS
        if record.legal_actions not in levels:
            return f"legal_actions is {record.legal_actions!r}, not one of {', '.join(levels)}"
        if isinstance(record, ControlRow) != record.env_id.startswith(SYSTEMS):
            return f"a row with schema {record.schema!r} is not one of {record.env_id}"
        if (record.kind == "line") != (record.steps == 0):
            return f"a {record.kind} of {record.steps} steps: lines have 0, methods more"
    if hasattr(record, "pool_sha256") and not re.fullmatch("[0-9a-f]{64}", record.pool_sha256):
        return f"pool_sha256 is {record.pool_sha256!r}, which is no SHA-256"
    return None


def _not_counted(record: Any) -> str | None:
    """Counts and shares that do not go together."""
    if isinstance(record, RefutationRow):
        more = record.believed_dead > record.edits
        return f"believed_dead = {record.believed_dead} of {record.edits} edits" if more else None
    if isinstance(record, SpeedRow):
        ordered = record.lowest <= record.value <= record.highest
        return None if ordered else f"value {record.value} is not between {record.lowest} and {record.highest}"
    if isinstance(record, PathsRow):
        fits = record.exact <= record.n and record.cells <= 1.0
        return None if fits else f"exact = {record.exact} of {record.n} mazes, cells = {record.cells}"
    if isinstance(record, MiniGridRow):
        most = max(record.solved, record.solved_sampled)
        return None if most <= record.n else f"{most} of {record.n} episodes reach the goal"
    if isinstance(record, RecedingRow):
        parts = (record.rises, record.worse, record.lost)
        fits = record.started <= record.n and max(parts) <= record.violations <= min(sum(parts), record.steps)
        return None if fits else f"violations = {record.violations} of {record.steps} steps, of kinds {parts}"
    if isinstance(record, StreamingRow):
        fits = record.solved <= record.n and record.scored_twice < record.pieces and record.first_mb <= record.peak_mb
        return None if fits else f"solved = {record.solved} of {record.n} puzzles in {record.pieces} pieces"
    if isinstance(record, FailureRow | DefaultsRow | PlanningRow | LatentsRow | ScalingRow | SoakRow):
        return None
    if record.n < 1:
        return f"n is {record.n}: a result is of at least one puzzle"
    if isinstance(record, GrowthRow):
        return _not_its_bits(record)
    for name in ("success", "success_sampled"):
        value = getattr(record, name, None)
        if value is not None and not 0.0 <= value <= 1.0:
            return f"{name} is {value}, which is not between 0 and 1"
    if isinstance(record, CurveRow):
        return None
    if record.success != record.solved / record.n:
        return f"success is {record.success}, but {record.solved} of {record.n} are {record.solved / record.n}"
    if isinstance(record, ControlRow) and (problem := _not_its_plans(record)):
        return problem
    if isinstance(record, ShortestRow) and record.exact is not None and record.exact > record.solved:
        return f"exact is {record.exact}, but only {record.solved} are solved"
    return None if isinstance(record, TuningRow) else _not_its_bits(record)


def _not_its_plans(record: ControlRow) -> str | None:
    """Counts of plans that contradict each other, or what is said of them after the last edit."""
    try:
        last = unpacked(record.by_edits)[-1]
    except ValueError as error:
        return str(error)
    told = (record.edits, record.solved, record.gap_mean, record.gap_median, record.gap_p95)
    if tuple(last) != told:
        return f"by_edits ends with {list(last)}, but the row says {list(told)}"
    if not max(record.solved, record.reached) <= record.feasible <= record.n:
        return (
            f"{record.feasible} plans of {record.n} are feasible, {record.solved} solved, {record.reached} at the end"
        )
    if (record.violation == 0.0) != (record.feasible == record.n):
        return f"violation is {record.violation}, but {record.feasible} of {record.n} plans are feasible"
    return None


def _not_its_bits(record: ResultRow | ComputeRow | GrowthRow) -> str | None:
    """A number of solved puzzles that the bits do not have."""
    try:
        content = base64.b64decode(record.solved_bits, validate=True)
    except (binascii.Error, ValueError):
        return "solved_bits is not base64"
    if len(content) != -(-record.n // 8):
        return f"solved_bits has {len(content)} bytes, which are not the bits of {record.n} puzzles"
    every = int(np.unpackbits(np.frombuffer(content, np.uint8)).sum())
    inside = int(unpack_bits(record.solved_bits, record.n).sum())
    if inside != record.solved or every != inside:
        return f"solved is {record.solved}, but solved_bits says {every}"
    return None
