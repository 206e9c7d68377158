#!/usr/bin/env bash
# The two cores of the machine had other work too: seconds of training say little.
# Seeds 3 and 4 were run after 1 and 2.
set -euo pipefail
LINES=trm_ppo-deep,trm_ppo-deep+cycles=64,trm_ppo-deep+cycles=192
python -m benchmarks run --suite walk-9x9,walk-15x15-from-9x9 --seeds 1-4 --steps 1200000 --points 6 --no-stage0 --workers 1 \
    --out runs/walk-15x15-deep-1-4 --algos $LINES
python -m benchmarks run --suite walk-15x15 --seeds 1-4 --steps 1800000 --points 6 --no-stage0 --workers 1 --resume \
    --out runs/walk-15x15-deep-1-4 --algos $LINES
python -m benchmarks report runs/walk-15x15-deep-1-4 --publish walk-15x15-deep-1-4
