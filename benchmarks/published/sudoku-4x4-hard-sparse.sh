#!/usr/bin/env bash
set -euo pipefail
methods=(
    hindsight_trm@search.instances=4
    hindsight_trm
    ppo
    a2c
    dqn
    maskable_ppo
    maskable_ppo-consistent
    trm_ppo
)
python -m benchmarks run --suite sudoku-4x4-hard-sparse --seeds 0-4 --steps 20000 --no-stage0 \
    --out runs/sudoku-4x4-hard-sparse \
    --algos "$(IFS=,; echo "${methods[*]}")"
python -m benchmarks report runs/sudoku-4x4-hard-sparse --publish sudoku-4x4-hard-sparse
