#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks run --suite maze-9x9 --seeds 0-4 --steps 50000 --no-stage0 --out runs/maze-9x9-50k-matched \
    --algos maskable_ppo,maskable_ppo-consistent,ppo,a2c,dqn
python -m benchmarks report runs/maze-9x9-50k-matched --publish maze-9x9-50k-matched
