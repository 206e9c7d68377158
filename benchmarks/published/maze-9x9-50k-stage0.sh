#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks run --suite maze-9x9 --seeds 0-4 --steps 50000 --points 1 --no-stage0 \
    --out runs/maze-9x9-50k-stage0 --algos stage0
python -m benchmarks report runs/maze-9x9-50k-stage0 --publish maze-9x9-50k-stage0
