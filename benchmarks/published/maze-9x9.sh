#!/usr/bin/env bash
# The rows took the places of earlier ones of the same settings except for refinements on 15x15 mazes. The earlier agents had
# not been kept, and seeds give other agents on other processors; docs/notebook/mazes-15x15.md has the earlier numbers.
set -euo pipefail
python -m benchmarks run --suite maze-9x9 --seeds 0-4 --steps 120000 --no-stage0 --out runs/maze-9x9 \
    --algos hindsight_trm+attempts=32
python -m benchmarks run --suite maze-15x15-from-9x9 --seeds 0-4 --steps 120000 --no-stage0 --out runs/maze-9x9 \
    --resume --algos hindsight_trm+attempts=511
python -m benchmarks report runs/maze-9x9 --publish maze-9x9
