#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks run --suite maze-scattered-9x9 --seeds 0-1 --steps 120000 --points 4 --no-stage0 --out runs/scattered-9x9 \
    --algos hindsight_trm,hindsight_trm+starts=64,hindsight_trm+attempts=127
python -m benchmarks report runs/scattered-9x9 --publish maze-scattered-9x9
