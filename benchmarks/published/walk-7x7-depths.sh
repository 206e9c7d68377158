#!/usr/bin/env bash
# Rollouts are small, as they then were.
set -euo pipefail
DRAWN="trm_ppo@k_cycles=32@depths=[8,64]@gradient_cycles=12@n_steps=16@batch_size=256@ent_coef=0.01@learning_rate=[4e-3,3e-4]"
LINES=$DRAWN
for cycles in 8 16 24 48 64 96 128; do LINES="$LINES,$DRAWN+cycles=$cycles"; done
python -m benchmarks run --suite walk-7x7 --seeds 0-4 --steps 200000 --points 4 --no-stage0 --workers 1 \
    --out runs/walk-7x7-depths --algos "$LINES"
python -m benchmarks report runs/walk-7x7-depths --publish walk-7x7-depths
