#!/usr/bin/env bash
set -euo pipefail
ROW=upi_trm-violations
python -m benchmarks run --suite sudoku-9x9,sudoku-9x9-hard-from-9x9 --seeds 0-2 --steps 40000 --points 4 --no-stage0 --workers 1 \
    --out runs/violations-9x9 --algos $ROW,$ROW+attempts=8
python -m benchmarks report runs/violations-9x9 --publish sudoku-9x9-violations
