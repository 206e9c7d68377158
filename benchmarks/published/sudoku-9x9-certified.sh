#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks run --suite sudoku-9x9 --seeds 0-2 --steps 240000 --no-stage0 --out runs/sudoku-9x9-certified \
    --algos hindsight_trm-certified
python -m benchmarks report runs/sudoku-9x9-certified --publish sudoku-9x9-certified
