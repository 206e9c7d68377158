#!/usr/bin/env bash
set -euo pipefail
# The two cores of the machine had other work too: seconds of training say little.
python -m benchmarks run --suite control-di-tight,control-di-tight-ood --seeds 0-4 --steps 144000 --points 1 --no-stage0 --workers 1 \
    --out runs/control-di-tight-tuned --algos 'trc@policy_kwargs.lipschitz=0.9,ppo-step,ppo-edit'
python -m benchmarks report runs/control-di-tight-tuned --publish control-di-tight-tuned
