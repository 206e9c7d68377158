#!/usr/bin/env bash
set -euo pipefail
S=upi_trm-survival
python -m benchmarks run --suite sudoku-4x4-minimal --seeds 0-4 --steps 8000 --points 1 --no-stage0 --workers 2 \
    --out runs/carry-4x4 \
    --algos "$S@unroll=1@train_unroll=[2,4,4],$S@unroll=2@train_unroll=[2,4,4],$S@unroll=2@train_unroll=[2,4,4]@carry_unroll=1"
python -m benchmarks report runs/carry-4x4 --publish sudoku-4x4-minimal-carry
