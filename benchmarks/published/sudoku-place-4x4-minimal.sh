#!/usr/bin/env bash
set -euo pipefail
# The two cores of the machine had other work too: seconds of training say little.
python -m benchmarks run --suite sudoku-place-4x4-minimal --seeds 0-4 --steps 50000 --points 1 --no-stage0 --workers 1 \
    --out runs/sudoku-place-4x4-minimal \
    --algos maskable_ppo,maskable_ppo-consistent,trm_maskable_ppo,trm_maskable_ppo-consistent,ppo,trm_ppo
python -m benchmarks report runs/sudoku-place-4x4-minimal --publish sudoku-place-4x4-minimal
