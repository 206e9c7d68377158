#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks run --suite sudoku-4x4-hard --seeds 0-4 --steps 20000 --no-stage0 \
    --out runs/sudoku-4x4-hard-exact --algos upi_trm-exact@n_steps=4
python -m benchmarks report runs/sudoku-4x4-hard-exact --publish sudoku-4x4-hard-exact
