#!/usr/bin/env bash
set -euo pipefail
# The two cores of the machine had other work too: seconds of training say little.
python -m benchmarks run --suite sudoku-place-4x4-minimal --seeds 0-4 --steps 8000 --points 4 --no-stage0 --workers 1 \
    --out runs/sudoku-place-4x4-minimal-8k --algos upi_trm-survival,hindsight_trm,hindsight_trm@env.shaping=true
python -m benchmarks report runs/sudoku-place-4x4-minimal-8k --publish sudoku-place-4x4-minimal-8k
