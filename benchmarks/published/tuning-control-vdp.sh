#!/usr/bin/env bash
set -euo pipefail
# The two cores of the machine had other work too: seconds of training say little.
python -m benchmarks tune --suite control-vdp --trials 8 --steps 48000 --workers 1 --out runs/tuning-control-vdp \
    --publish tuning-control-vdp --algos ppo-step,sac-step,ppo-edit,mlp_control,trc
