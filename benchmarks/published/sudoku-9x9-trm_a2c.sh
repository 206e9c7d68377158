#!/usr/bin/env bash
# trm_ppo of the same run was stopped for want of time; sudoku-9x9-trm_ppo has a later run.
set -euo pipefail
python -m benchmarks run --suite sudoku-9x9 --seeds 0-2 --steps 60000 --no-stage0 --out runs/sudoku-9x9-trm_a2c \
    --algos trm_a2c
python -m benchmarks report runs/sudoku-9x9-trm_a2c --publish sudoku-9x9-trm_a2c
