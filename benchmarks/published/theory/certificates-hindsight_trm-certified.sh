#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks run --suite sudoku-4x4-easy --seeds 0 --steps 20000 --algos hindsight_trm-certified --no-stage0 --workers 1 --out runs/easy
python -m benchmarks certify runs/easy/cells/sudoku-4x4-easy/hindsight_trm-certified-seed0-steps20000/model.zip \
    --instances 208 --max-states 500 --name hindsight_trm-certified --csv certificates-hindsight_trm-certified.csv
