#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks run --suite walk-9x9,walk-15x15-from-9x9 --seeds 0-4 --steps 1200000 --points 4 --no-stage0 --workers 2 \
    --out runs/walk-9x9 --algos trm_ppo@k_cycles=32,trm_ppo@k_cycles=32+cycles=64
python -m benchmarks report runs/walk-9x9 --publish walk-9x9
