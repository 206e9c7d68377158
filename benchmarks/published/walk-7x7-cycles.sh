#!/usr/bin/env bash
set -euo pipefail
ROW=trm_ppo@k_cycles
python -m benchmarks run --suite walk-7x7 --seeds 0-2 --steps 1200000 --points 4 --no-stage0 --workers 1 \
    --out runs/walk-7x7-cycles --algos $ROW=1,$ROW=2,$ROW=3,$ROW=5,$ROW=10
python -m benchmarks report runs/walk-7x7-cycles --publish walk-7x7-cycles
