#!/usr/bin/env bash
# Every method was run again when its settings or the shared core had changed, alone and with --no-stage0; the rows here are
# the latest.
set -euo pipefail
python -m benchmarks run --suite sudoku-4x4-minimal --seeds 0-4 --steps 20000 --out runs/sudoku-4x4-minimal \
    --algos ppo,a2c,dqn,hindsight_trm,trm_ppo
python -m benchmarks report runs/sudoku-4x4-minimal --publish sudoku-4x4-minimal
