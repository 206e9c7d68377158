#!/usr/bin/env bash
set -euo pipefail
# The two cores of the machine had other work too: seconds of training say little.
python -m benchmarks run --suite sudoku-place-9x9 --seeds 3 --steps 200000 --points 4 --no-stage0 --workers 1 \
    --out runs/sudoku-place-9x9-3 --algos trm_maskable_ppo
python -m benchmarks report runs/sudoku-place-9x9-3 --publish sudoku-place-9x9-3
