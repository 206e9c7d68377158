#!/usr/bin/env bash
# The reference lines are from a run of the row without changes, which was stopped while it was scored.
set -euo pipefail
python -m benchmarks run --suite sudoku-16x16-from-9x9 --seeds 0-2 --steps 60000 --points 1 --no-stage0 \
    --out runs/sudoku-16x16-from-9x9 --algos hindsight_trm@checker_steps=80000
python -m benchmarks report runs/sudoku-16x16-from-9x9 --publish sudoku-16x16-from-9x9
