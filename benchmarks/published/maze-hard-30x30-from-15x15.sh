#!/usr/bin/env bash
set -euo pipefail
# The two cores of the machine had other work too: seconds of training say little.
python -m benchmarks run --suite maze-hard-30x30-from-15x15 --seeds 0-1 --steps 200000 --points 1 --no-stage0 --out runs/hard-30x30 \
    --algos hindsight_trm@carry_unroll=24,hindsight_trm@carry_unroll=24+starts=64
python -m benchmarks report runs/hard-30x30 --publish maze-hard-30x30-from-15x15
