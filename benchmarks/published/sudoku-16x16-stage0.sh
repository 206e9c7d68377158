#!/usr/bin/env bash
# Each seed was run apart. The lines singles and solver are those of the first.
set -euo pipefail
python -m benchmarks run --suite sudoku-16x16 --seeds 0-2 --steps 40000 --points 1 --no-stage0 \
    --out runs/sudoku-16x16-stage0 --algos stage0
python -m benchmarks report runs/sudoku-16x16-stage0 --publish sudoku-16x16-stage0
