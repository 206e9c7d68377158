#!/usr/bin/env bash
set -euo pipefail
# The two cores of the machine had other work too: seconds of training say little.
python -m benchmarks run --suite control-vdp,control-vdp-ood --seeds 0-4 --steps 48000 --points 1 --no-stage0 --workers 1 \
    --out runs/control-vdp-48k --algos trc,mlp_control,ppo-step,ppo-edit,sac-step
python -m benchmarks report runs/control-vdp-48k --publish control-vdp-48k
