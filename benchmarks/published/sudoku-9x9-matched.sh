#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks run --suite sudoku-9x9 --seeds 0-4 --steps 60000 --no-stage0 --out runs/sudoku-9x9-matched \
    --algos dqn,ppo,a2c
python -m benchmarks report runs/sudoku-9x9-matched --publish sudoku-9x9-matched
