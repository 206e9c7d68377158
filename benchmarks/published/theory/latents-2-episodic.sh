#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks run --suite sudoku-4x4-easy --seeds 0 --steps 20000 --algos hindsight_trm --no-stage0 --workers 1 \
    --out runs/latents-episodic
python -m benchmarks certify runs/latents-episodic/cells/sudoku-4x4-easy/hindsight_trm-seed0-steps20000/model.zip --blanks 2 \
    --max-edits 6 --instances 24 --max-states 100000 --name "episodic, 2 blanks" --csv latents-2-episodic.csv
