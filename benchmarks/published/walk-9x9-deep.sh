#!/usr/bin/env bash
# The two cores of the machine had other work too: seconds of training say little.
set -euo pipefail
python -m benchmarks run --suite walk-9x9,walk-15x15-from-9x9 --seeds 0-4 --steps 300000 --points 4 --no-stage0 --workers 1 \
    --out runs/walk-9x9-deep --algos trm_ppo-deep,trm_ppo-deep+cycles=192
python -m benchmarks report runs/walk-9x9-deep --publish walk-9x9-deep
