#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks run --suite sudoku-4x4-minimal --seeds 0-4 --steps 8000 --points 4 --no-stage0 --out runs/survival-4x4 \
    --algos upi_trm-survival,upi_trm-survival+attempts=8
python -m benchmarks report runs/survival-4x4 --publish sudoku-4x4-minimal-survival
