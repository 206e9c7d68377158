#!/usr/bin/env bash
set -euo pipefail
# The two cores of the machine had other work too: seconds of training say little.
LINES=trm_ppo,trm_ppo+cycles=32,trm_ppo+cycles=96,trm_ppo+cycles=128
python -m benchmarks run --suite walk-9x9,walk-15x15-from-9x9 --seeds 0-1 --steps 1200000 --points 4 --no-stage0 --workers 1 \
    --out runs/walk-15x15 --algos $LINES
python -m benchmarks run --suite walk-15x15 --seeds 0-1 --steps 1800000 --points 4 --no-stage0 --workers 1 --resume \
    --out runs/walk-15x15 --algos $LINES
python -m benchmarks report runs/walk-15x15 --publish walk-15x15
