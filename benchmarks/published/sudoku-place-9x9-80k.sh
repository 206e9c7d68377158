#!/usr/bin/env bash
set -euo pipefail
# The two cores of the machine had other work too: seconds of training say little. Seed 2 was run beside seed 1.
python -m benchmarks run --suite sudoku-place-9x9 --seeds 0-2 --steps 80000 --points 4 --no-stage0 --workers 1 \
    --out runs/sudoku-place-9x9-80k --algos upi_trm-survival
python -m benchmarks report runs/sudoku-place-9x9-80k --publish sudoku-place-9x9-80k
