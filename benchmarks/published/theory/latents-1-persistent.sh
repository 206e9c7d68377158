#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks run --suite sudoku-4x4-easy --seeds 0 --steps 20000 --algos hindsight_trm@carry_unroll=4 --no-stage0 --workers 1 \
    --out runs/latents-persistent
python -m benchmarks certify runs/latents-persistent/cells/sudoku-4x4-easy/hindsight_trm@carry_unroll=4-seed0-steps20000/model.zip --blanks 1 \
    --max-edits 6 --instances 24 --max-states 100000 --name "persistent, 1 blanks" --csv latents-1-persistent.csv
