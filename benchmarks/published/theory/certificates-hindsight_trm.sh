#!/usr/bin/env bash
# The agent is from before weight decay: this command makes another one today.
set -euo pipefail
python -m benchmarks run --suite sudoku-4x4-easy --seeds 0 --steps 20000 --algos hindsight_trm --no-stage0 --workers 1 --out runs/easy-h
python -m benchmarks certify runs/easy-h/cells/sudoku-4x4-easy/hindsight_trm-seed0-steps20000/model.zip \
    --instances 208 --max-states 500 --name hindsight_trm --csv certificates-hindsight_trm.csv
