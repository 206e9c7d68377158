#!/usr/bin/env bash
set -euo pipefail
# The two cores of the machine had other work too: seconds of training say little.
ROW=trm_ppo@k_cycles
python -m benchmarks run --suite walk-7x7 --seeds 3-4 --steps 1200000 --points 4 --no-stage0 --workers 1 \
    --out runs/walk-7x7-cycles-3-4 --algos $ROW=1,$ROW=2,$ROW=3,$ROW=5,$ROW=10
python -m benchmarks report runs/walk-7x7-cycles-3-4 --publish walk-7x7-cycles-3-4
