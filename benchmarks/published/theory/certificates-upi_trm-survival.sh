#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks run --suite sudoku-4x4-easy --seeds 0 --steps 20000 --algos upi_trm-survival --no-stage0 --workers 1 --out runs/easy-s
python -m benchmarks certify runs/easy-s/cells/sudoku-4x4-easy/upi_trm-survival-seed0-steps20000/model.zip \
    --instances 208 --max-states 500 --name upi_trm-survival --csv certificates-upi_trm-survival.csv
