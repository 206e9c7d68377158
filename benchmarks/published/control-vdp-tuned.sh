#!/usr/bin/env bash
set -euo pipefail
# The two cores of the machine had other work too: seconds of training say little.
python -m benchmarks run --suite control-vdp,control-vdp-ood --seeds 0-4 --steps 144000 --points 1 --no-stage0 --workers 1 \
    --out runs/control-vdp-tuned --algos 'trc@policy_kwargs.lipschitz=0.9,ppo-step'
python -m benchmarks report runs/control-vdp-tuned --publish control-vdp-tuned
