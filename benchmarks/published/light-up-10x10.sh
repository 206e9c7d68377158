#!/usr/bin/env bash
# The others were added to the run afterwards.
set -euo pipefail
python -m benchmarks run --suite light-up-10x10 --steps 60000 --points 4 --seeds 0-2 --no-stage0 --workers 1 --out runs/light-up-10x10 \
    --algos hindsight_trm,hindsight_trm+attempts=8,hindsight_trm+attempts=127
python -m benchmarks run --suite light-up-10x10 --steps 60000 --points 4 --seeds 0-2 --no-stage0 --workers 1 --out runs/light-up-10x10 --resume \
    --algos trm_maskable_ppo,maskable_ppo,ppo,dqn
python -m benchmarks report runs/light-up-10x10 --publish light-up-10x10
