#!/usr/bin/env bash
# The others were added to the run afterwards, with three seeds.
set -euo pipefail
python -m benchmarks run --suite light-up-7x7 --steps 60000 --points 4 --seeds 0-4 --no-stage0 --workers 1 --out runs/light-up-7x7 \
    --algos hindsight_trm,hindsight_trm+attempts=8,hindsight_trm+attempts=127
python -m benchmarks run --suite light-up-7x7 --steps 60000 --points 4 --seeds 0-2 --no-stage0 --workers 1 --out runs/light-up-7x7 --resume \
    --algos ppo,maskable_ppo,dqn,trm_maskable_ppo
python -m benchmarks report runs/light-up-7x7 --publish light-up-7x7
