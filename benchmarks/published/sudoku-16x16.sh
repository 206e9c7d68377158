#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks run --suite sudoku-16x16 --seeds 0-4 --steps 40000 --no-stage0 --out runs/sudoku-16x16 \
    --algos hindsight_trm
python -m benchmarks report runs/sudoku-16x16 --publish sudoku-16x16
