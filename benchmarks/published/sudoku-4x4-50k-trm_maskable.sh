#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks run --suite sudoku-4x4-hard,sudoku-4x4-minimal --seeds 0-4 --steps 50000 --no-stage0 \
    --out runs/sudoku-4x4-50k-trm_maskable --algos trm_maskable_ppo,trm_maskable_ppo-consistent
python -m benchmarks report runs/sudoku-4x4-50k-trm_maskable --publish sudoku-4x4-50k-trm_maskable
