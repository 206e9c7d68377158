#!/usr/bin/env bash
# Every method was run again when its settings or the shared core had changed, alone and with --no-stage0; the rows here are
# the latest. Rows before: 99.3 % with trm_ppo, 19.9 with trm_a2c, 13.7 with maskable_ppo-consistent, 94.1 and 80.3 with trm_dqn,
# 0 with the other baselines.
set -euo pipefail
methods=(
    ppo
    a2c
    dqn
    trm_a2c
    trm_ppo
    maskable_ppo
    maskable_ppo-consistent
    upi_trm-exact
    trm_dqn
    hindsight_trm
)
python -m benchmarks run --suite sudoku-4x4-hard --seeds 0-4 --steps 20000 --out runs/sudoku-4x4-hard \
    --algos "$(IFS=,; echo "${methods[*]}")"
python -m benchmarks report runs/sudoku-4x4-hard --publish sudoku-4x4-hard
