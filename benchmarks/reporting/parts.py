"""The shipped test pools, for those rows only that were scored on them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.protocol.provenance import pool_hash
from benchmarks.protocol.rows import ComputeRow, ResultRow
from benchmarks.protocol.study_rows import GrowthRow
from benchmarks.protocol.suites import scored_pool, suite
from trm_envs.maze.generator import has_loops
from trm_envs.sudoku.solver import beyond_singles


def shipped_pool(name: str, rows: Iterable[ResultRow | ComputeRow | GrowthRow]) -> NDArray[Any]:
    """The instances of a suite's shipped test pool: grids, shape (n, n_cells), int8, or first states, float64.

    Args:
        name: the suite.
        rows: results on the whole pool; those of studies may have been measured on its first instances only.

    Raises:
        ValueError: a row was scored on other instances, so that nothing can be said of them.
    """
    row = suite(name)
    instances = scored_pool(row.env_id, row.env_kwargs, "test").instances
    hashes: dict[int, str] = {}
    for scored in rows:
        n = len(instances) if isinstance(scored, ResultRow) else scored.n
        if n not in hashes:
            hashes[n] = pool_hash(instances[:n])
        if scored.pool_sha256 != hashes[n]:
            raise ValueError(
                f"{name}: published rows were scored on a test pool with SHA-256 {scored.pool_sha256}, the shipped one "
                f"has {hashes[n]}; run them again on the shipped pool"
            )
    return instances


PARTS = {
    "beyond singles": "beyond naked and hidden singles",
    "perfect": "perfect mazes",
    "braided": "mazes with loops",
}
"""What the parts of a suite are called, and what the puzzles in them are."""


def parts(name: str, instances: NDArray[Any]) -> dict[str, NDArray[np.bool_]]:
    """Which puzzles of a suite are of which part, shape (n,) each; the parts are those of the suite's puzzle."""
    row = suite(name)
    scattered = row.env_kwargs.get("scattered", row.env_id.startswith("MazePlanEdit-Hard"))
    if row.env_id.startswith("Sudoku"):
        return {"beyond singles": beyond_singles(instances)}
    if row.env_id.startswith(("MazePlanEdit", "MazeWalk")) and not scattered:
        looped = has_loops(instances)
        return {"perfect": ~looped, "braided": looped}
    return {}
