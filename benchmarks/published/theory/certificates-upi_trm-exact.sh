#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks run --suite sudoku-4x4-easy --seeds 0 --steps 20000 --algos upi_trm-exact --no-stage0 --workers 1 --out runs/easy-e
python -m benchmarks certify runs/easy-e/cells/sudoku-4x4-easy/upi_trm-exact-seed0-steps20000/model.zip \
    --instances 208 --max-states 500 --name upi_trm-exact --csv certificates-upi_trm-exact.csv
