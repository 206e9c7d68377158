#!/usr/bin/env bash
# Seeds 0 to 3 begin with agents of 9x9 mazes that were trained in a folder of their own, by the same command with
# --suite maze-9x9 --steps 120000, and put into this one. They are not those of maze-9x9.
set -euo pipefail
python -m benchmarks run --suite maze-15x15 --seeds 0-4 --steps 180000 --points 1 --no-stage0 --out runs/maze-15x15 \
    --algos hindsight_trm+attempts=511
python -m benchmarks report runs/maze-15x15 --publish maze-15x15
