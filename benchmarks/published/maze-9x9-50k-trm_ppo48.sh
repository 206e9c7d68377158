#!/usr/bin/env bash
# Each seed was run apart. The line solver is that of the first.
set -euo pipefail
python -m benchmarks run --suite maze-9x9 --seeds 0-2 --steps 50000 --points 1 --no-stage0 \
    --out runs/maze-9x9-50k-trm_ppo48 --algos trm_ppo@network.unroll=48
python -m benchmarks report runs/maze-9x9-50k-trm_ppo48 --publish maze-9x9-50k-trm_ppo48
