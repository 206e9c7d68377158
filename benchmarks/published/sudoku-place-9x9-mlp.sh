#!/usr/bin/env bash
set -euo pipefail
# The two cores of the machine had other work too: seconds of training say little.
python -m benchmarks run --suite sudoku-place-9x9 --seeds 0 --steps 200000 --points 1 --no-stage0 --workers 1 \
    --out runs/sudoku-place-9x9-mlp --algos maskable_ppo,maskable_ppo-consistent
python -m benchmarks report runs/sudoku-place-9x9-mlp --publish sudoku-place-9x9-mlp
