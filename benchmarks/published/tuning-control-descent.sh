#!/usr/bin/env bash
set -euo pipefail
# The two cores of the machine had other work too: seconds of training say little.
python -m benchmarks tune --suite control-descent --trials 8 --steps 48000 --workers 1 --out runs/tuning-control-descent \
    --publish tuning-control-descent --algos ppo-step,sac-step,ppo-edit,mlp_control,trc
