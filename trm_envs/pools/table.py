"""The table of frozen pools: one row a pool. Changing a row changes what is built; then rebuild and verify."""

from __future__ import annotations

from trm_envs.pools.source import PoolSource
from trm_envs.pools.sudoku import SudokuOrbitPool, SudokuPool

_ROWS: tuple[PoolSource, ...] = (
    SudokuOrbitPool("sudoku-4x4-1-4", 4, (1, 4), train=4_000, seed=4_001),
    SudokuOrbitPool("sudoku-4x4-6-8", 4, (6, 8), train=4_000, seed=4_006),
    SudokuOrbitPool("sudoku-4x4-minimal", 4, (11, 12), train=4_000, seed=4_011, minimal=True),
    SudokuPool("sudoku-9x9-20-30", 9, (20, 30), train=12_000, seed=9_020),
    SudokuPool("sudoku-9x9-31-48", 9, (31, 48), train=12_000, seed=9_031),
    SudokuPool("sudoku-9x9-49-56", 9, (49, 56), train=12_000, seed=9_049),
    SudokuPool("sudoku-9x9-minimal", 9, (49, 64), train=12_000, seed=9_057, minimal=True),
    SudokuPool("sudoku-16x16-90-120", 16, (90, 120), train=2_000, seed=16_090),
)

POOLS: dict[str, PoolSource] = {row.name: row for row in _ROWS}
