#!/usr/bin/env bash
set -euo pipefail
# The two cores of the machine had other work too: seconds of training say little.
python -m benchmarks run --suite colouring-20-k3,colouring-50-k4-from-20-k3 --seeds 0-4 --steps 20000 --points 1 --no-stage0 --workers 1 \
    --out runs/colouring --algos hindsight_trm,hindsight_trm+search=100
python -m benchmarks run --suite colouring-20-k3 --seeds 0-4 --steps 20000 --points 1 --no-stage0 --workers 1 --resume \
    --out runs/colouring --algos maskable_ppo,trm_maskable_ppo,ppo,dqn
python -m benchmarks report runs/colouring --publish colouring-20-k3
