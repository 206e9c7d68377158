#!/usr/bin/env bash
set -euo pipefail
# Trained at commit e097008, scored at dd33650, whose search is another; training did not change in between.
python -m benchmarks run --suite sudoku-9x9,sudoku-9x9-hard-from-9x9 --seeds 0-4 --steps 80000 --points 4 --no-stage0 \
    --out runs/survival-9x9 --algos upi_trm-survival,upi_trm-survival+attempts=8,upi_trm-survival+search=100
python -m benchmarks report runs/survival-9x9 --publish sudoku-9x9-survival
