#!/usr/bin/env bash
set -euo pipefail
LINES=trm_ppo
for cycles in 8 16 24 32 64 96 128; do LINES="$LINES,trm_ppo+cycles=$cycles"; done
python -m benchmarks run --suite walk-7x7 --seeds 0-4 --steps 1200000 --points 4 --no-stage0 --workers 1 \
    --out runs/walk-7x7-large-rollouts --algos "$LINES"
python -m benchmarks report runs/walk-7x7-large-rollouts --publish walk-7x7-large-rollouts
