#!/usr/bin/env bash
# The agents are from before the deployed average of the weights collected experience.
set -euo pipefail
python -m benchmarks run --suite sudoku-4x4-hard,sudoku-4x4-minimal --seeds 0-4 --steps 50000 --no-stage0 \
    --out runs/sudoku-4x4-50k --algos hindsight_trm
python -m benchmarks report runs/sudoku-4x4-50k --publish sudoku-4x4-50k
