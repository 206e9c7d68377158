#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks run --suite maze-9x9 --seeds 0-4 --steps 50000 --no-stage0 --out runs/maze-9x9-50k \
    --algos hindsight_trm+attempts=32
python -m benchmarks report runs/maze-9x9-50k --publish maze-9x9-50k
