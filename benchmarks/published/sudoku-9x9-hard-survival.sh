#!/usr/bin/env bash
# The solver lines were added when the search had its present order of plans.
set -euo pipefail
ROW=upi_trm-survival@target.alive_weight=8
python -m benchmarks run --suite sudoku-9x9-hard --seeds 0-2 --steps 60000 --points 4 --no-stage0 --workers 2 \
    --out runs/survival-9x9-hard --algos $ROW
python -m benchmarks run --suite sudoku-9x9-hard --seeds 0-2 --steps 60000 --points 4 --no-stage0 --workers 1 --resume \
    --out runs/survival-9x9-hard --algos $ROW+search=100,$ROW+attempts=8
python -m benchmarks report runs/survival-9x9-hard --publish sudoku-9x9-hard-survival
