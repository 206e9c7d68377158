#!/usr/bin/env bash
set -euo pipefail
LINES=trm_ppo@k_cycles=20
for cycles in 5 10 15 30 40; do LINES="$LINES,trm_ppo@k_cycles=20+cycles=$cycles"; done
python -m benchmarks run --suite walk-7x7 --seeds 3-4 --steps 1200000 --points 4 --no-stage0 --workers 2 \
    --out runs/walk-7x7-one-depth --algos "$LINES"
python -m benchmarks report runs/walk-7x7-one-depth --publish walk-7x7-one-depth
