#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks run --suite sudoku-9x9 --seeds 0-4 --steps 60000 --points 4 --no-stage0 --workers 2 \
    --out runs/sudoku-9x9-starts --algos hindsight_trm+starts=64
python -m benchmarks report runs/sudoku-9x9-starts --publish sudoku-9x9-starts
