#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks run --suite sudoku-9x9 --seeds 0-2 --steps 60000 --points 1 --no-stage0 \
    --out runs/sudoku-9x9-trm_maskable --algos trm_maskable_ppo,trm_maskable_ppo-consistent
python -m benchmarks report runs/sudoku-9x9-trm_maskable --publish sudoku-9x9-trm_maskable
