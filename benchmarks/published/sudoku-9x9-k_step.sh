#!/usr/bin/env bash
# Seed 2 was stopped and run again later. The lines singles and solver are those of the first seed's run.
set -euo pipefail
python -m benchmarks run --suite sudoku-9x9 --seeds 0-1 --steps 60000 --no-stage0 --out runs/sudoku-9x9-k_step \
    --algos upi_trm
python -m benchmarks run --suite sudoku-9x9 --seeds 2-4 --steps 60000 --points 1 --no-stage0 \
    --out runs/sudoku-9x9-k_step --resume --algos upi_trm
python -m benchmarks report runs/sudoku-9x9-k_step --publish sudoku-9x9-k_step
