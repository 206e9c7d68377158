#!/usr/bin/env bash
# Seed 2 was run apart.
set -euo pipefail
python -m benchmarks run --suite sudoku-9x9 --seeds 0-2 --steps 60000 --points 1 --no-stage0 \
    --out runs/sudoku-9x9-trm_dqn --algos trm_dqn
python -m benchmarks report runs/sudoku-9x9-trm_dqn --publish sudoku-9x9-trm_dqn
