#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks run --suite sudoku-9x9-hard --seeds 0-2 --steps 60000 --points 1 --no-stage0 \
    --out runs/sudoku-9x9-hard-stage0 --algos stage0
python -m benchmarks report runs/sudoku-9x9-hard-stage0 --publish sudoku-9x9-hard-stage0
