#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks run --suite sudoku-4x4-hard,sudoku-4x4-minimal --seeds 0-4 --steps 20000 --no-stage0 \
    --out runs/sudoku-4x4-certified --algos hindsight_trm-certified
python -m benchmarks report runs/sudoku-4x4-certified --publish sudoku-4x4-certified
