"""Rows on a test pool of four hand-made puzzles, and cells of the pages that are made from them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from row_helpers import result

from benchmarks.protocol.provenance import pool_hash
from benchmarks.protocol.rows import UNIFORM, ComputeRow, ResultRow, pack_bits

SUITE = "sudoku-4x4-hard"
PAGE = f"{SUITE}.md"
SOLVED = [1, 2, 3, 4, 3, 4, 1, 2, 2, 1, 4, 3, 4, 3, 2, 1]
ONE_BLANK = [0, *SOLVED[1:]]
NO_GIVEN, ONE_GIVEN = [0] * 16, [1, *[0] * 15]
HAND_MADE = np.array([ONE_BLANK, NO_GIVEN, SOLVED, ONE_GIVEN], np.int8)
"""Singles finish the first and the third, and get nowhere in the others."""


def row(seed: int, solved: list[int], algo: str = "upi_trm", instances=HAND_MADE, **changes) -> ResultRow:
    mask = np.array(solved, np.bool_)
    return result(
        seed, algo=algo, n=len(mask), solved=int(mask.sum()), success=float(mask.mean()), solved_bits=pack_bits(mask),
        pool_sha256=pool_hash(instances), **changes,
    )  # fmt: skip


def compute(budget: int, solved: list[int], guide: str = "agent.zip", **changes) -> ComputeRow:
    mask = np.array(solved, np.bool_)
    made = ComputeRow(
        suite=SUITE, env_id="SudokuPlanEdit-4x4-v0", guide=guide, algo="" if guide == UNIFORM else "upi_trm",
        unroll=None, solver="search" if budget else None, budget=budget, n=len(mask), solved=int(mask.sum()),
        success=float(mask.mean()), network_calls=3.5, network_calls_solved=2.0, inner_steps=70.0, checks=9.0,
        edits=7.0, wall_s=1.0, threads=1, pool_sha256=pool_hash(HAND_MADE[: len(mask)]), solved_bits=pack_bits(mask),
        commit="c0ffee", dirty=False, cpu="a", versions="x", command="python -m benchmarks compute",
    )  # fmt: skip
    return replace(made, **changes)


def cells(text: str, name: str) -> list[str]:
    """Cells of the first table row that begins with a name."""
    line = next(line for line in text.splitlines() if line.startswith(f"| {name} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def column(text: str, head: str, name: str) -> str:
    """What a column of the first table with such a head says of a row."""
    heads = next(line for line in text.splitlines() if line.startswith("| ") and f" {head} |" in line)
    return cells(text, name)[[cell.strip() for cell in heads.strip("|").split("|")].index(head)]
