#!/usr/bin/env bash
# Policy and solver lines of the same models.
set -euo pipefail
python -m benchmarks run --suite sudoku-9x9-sparse --seeds 0-4 --steps 60000 --points 1 --no-stage0 \
    --out runs/test-time-sudoku-9x9-sparse --algos hindsight_trm,hindsight_trm+attempts=127
python -m benchmarks report runs/test-time-sudoku-9x9-sparse --publish test-time-sudoku-9x9-sparse
