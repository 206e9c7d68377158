"""The table of frozen pools: one row a pool. Changing a row changes what is built; then rebuild and verify."""

from __future__ import annotations

from trm_envs.colouring.pool import ColouringPool
from trm_envs.control.pool import ControlPool, DescentPool
from trm_envs.light_up.pool import LightUpPool
from trm_envs.maze.generator import BRAID
from trm_envs.maze.pool import MazeOrbitPool, MazePool, ScatteredMazePool
from trm_envs.pools.source import PoolSource
from trm_envs.sudoku.pool import HardSudokuPool, SudokuOrbitPool, SudokuPool

_ROWS: tuple[PoolSource, ...] = (
    SudokuOrbitPool("sudoku-4x4-1-4", 4, (1, 4), train=4_000, seed=4_001),
    SudokuOrbitPool("sudoku-4x4-6-8", 4, (6, 8), train=4_000, seed=4_006),
    SudokuOrbitPool("sudoku-4x4-minimal", 4, (11, 12), train=4_000, seed=4_011, minimal=True),
    SudokuPool("sudoku-9x9-20-30", 9, (20, 30), train=12_000, seed=9_020),
    SudokuPool("sudoku-9x9-31-48", 9, (31, 48), train=12_000, seed=9_031),
    SudokuPool("sudoku-9x9-49-56", 9, (49, 56), train=12_000, seed=9_049),
    SudokuPool("sudoku-9x9-minimal", 9, (49, 64), train=12_000, seed=9_057, minimal=True),
    HardSudokuPool("sudoku-9x9-hard", 9, (49, 64), train=24_000, seed=9_081, minimal=True),
    SudokuPool("sudoku-16x16-20-40", 16, (20, 40), train=1_000, seed=16_020, held_out=128),
    SudokuPool("sudoku-16x16-41-89", 16, (41, 89), train=1_000, seed=16_041, held_out=128),
    SudokuPool("sudoku-16x16-90-120", 16, (90, 120), train=2_000, seed=16_090),
    SudokuPool("sudoku-16x16-141-150", 16, (141, 150), train=400, seed=16_141),
    SudokuPool("sudoku-25x25-200-250", 25, (200, 250), train=200, seed=25_200, held_out=128),
    SudokuPool("sudoku-25x25-251-300", 25, (251, 300), train=200, seed=25_251, held_out=128),
    MazeOrbitPool("maze-5x5-perfect", 5, 0.0, train=4_000, seed=5_000),
    MazeOrbitPool("maze-5x5-braided", 5, BRAID, train=4_000, seed=5_005),
    MazePool("maze-7x7-perfect", 7, 0.0, train=2_000, seed=7_000, held_out=256),
    MazePool("maze-7x7-braided", 7, BRAID, train=2_000, seed=7_005, held_out=256),
    MazePool("maze-9x9-perfect", 9, 0.0, train=4_000, seed=9_000),
    MazePool("maze-9x9-braided", 9, BRAID, train=4_000, seed=9_005),
    MazePool("maze-11x11-perfect", 11, 0.0, train=2_000, seed=11_000, held_out=256),
    MazePool("maze-11x11-braided", 11, BRAID, train=2_000, seed=11_005, held_out=256),
    MazePool("maze-15x15-perfect", 15, 0.0, train=4_000, seed=15_000),
    MazePool("maze-15x15-braided", 15, BRAID, train=4_000, seed=15_005),
    MazePool("maze-31x31-perfect", 31, 0.0, train=1_000, seed=31_000),
    MazePool("maze-31x31-braided", 31, BRAID, train=1_000, seed=31_005),
    ScatteredMazePool("maze-9x9-scattered", 9, 0.0, train=4_000, seed=9_009),
    ScatteredMazePool("maze-15x15-scattered", 15, 0.0, train=2_000, seed=15_009),
    ScatteredMazePool("maze-30x30-scattered", 30, 0.0, train=1_000, seed=30_009),
    ControlPool("control-double-integrator", train=2_000, held_out=200, seed=2_001),
    ControlPool("control-double-integrator-ood", train=0, held_out=100, seed=2_002, ood=True),
    ControlPool("control-van-der-pol", train=2_000, held_out=200, seed=2_003),
    ControlPool("control-van-der-pol-ood", train=0, held_out=100, seed=2_004, ood=True),
    ControlPool("control-van-der-pol-mu", train=2_000, held_out=200, seed=2_005, varies=True),
    ControlPool("control-van-der-pol-mu-ood", train=0, held_out=100, seed=2_006, varies=True, ood=True),
    DescentPool("control-powered-descent", train=1_000, validation=64, test=128, seed=2_007),
    DescentPool("control-powered-descent-ood", train=0, validation=64, test=64, seed=2_008, approach="outside"),
    DescentPool("control-powered-descent-shallow", train=500, validation=64, test=128, seed=2_009, approach="shallow"),
    LightUpPool("light-up-7x7", 7, validation=256, test=512, seed=7_000),
    LightUpPool("light-up-10x10", 10, validation=256, test=512, seed=10_000),
    ColouringPool("colouring-20-k3-random", 20, 3, "random", validation=256, test=512, seed=20_003),
    ColouringPool("colouring-20-k3-planted", 20, 3, "planted", validation=256, test=512, seed=20_013),
    ColouringPool("colouring-50-k4-random", 50, 4, "random", validation=256, test=512, seed=50_004),
    ColouringPool("colouring-50-k4-planted", 50, 4, "planted", validation=256, test=512, seed=50_014),
    ColouringPool("colouring-100-k5-random", 100, 5, "random", validation=128, test=256, seed=100_005),
    ColouringPool("colouring-100-k5-planted", 100, 5, "planted", validation=128, test=256, seed=100_015),
)

POOLS: dict[str, PoolSource] = {row.name: row for row in _ROWS}
