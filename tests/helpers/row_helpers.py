"""Rows for tests."""

import dataclasses

import numpy as np

from benchmarks.protocol.rows import ResultRow, SpeedRow, pack_bits


def result(seed: int = 0, **changes) -> ResultRow:
    solved = np.arange(10) % 3 > 0
    row = ResultRow(
        suite="sudoku-4x4-hard", env_id="SudokuPlanEdit-4x4-v0", legal_actions="givens", algo="ppo", kind="method",
        seed=seed, steps=200, n=10, solved=int(solved.sum()), success=float(solved.mean()), success_sampled=None,
        edits=7.25, network_calls=7.25, inner_steps=29.0, checks=0.0,
        env_steps=208, model_queries=0, gradient_steps=12, parameters=99, wall_s=1.5, threads=1,
        pool_sha256="ab" * 32, solved_bits=pack_bits(solved), commit="c0ffee", dirty=False, cpu="a, b", versions="x; y",
        command="python -m benchmarks run",
    )  # fmt: skip
    return dataclasses.replace(row, **changes)


def speed_row() -> SpeedRow:
    return SpeedRow(
        name="x", value=2.0, lowest=1.0, highest=3.0, unit="steps/s", repeats=5, threads=1, commit="d", dirty=True,
        cpu="c", versions="v", command="w",
    )  # fmt: skip
