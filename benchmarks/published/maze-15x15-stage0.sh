#!/usr/bin/env bash
# The agents of 9x9 mazes that these begin with are from commit 21d888e. The rest of the training is from a commit in which stage0
# has the settings of 9x9 mazes there.
set -euo pipefail
python -m benchmarks run --suite maze-15x15 --seeds 0-2 --steps 180000 --points 1 --no-stage0 \
    --out runs/maze-15x15-stage0 --algos stage0
python -m benchmarks report runs/maze-15x15-stage0 --publish maze-15x15-stage0
