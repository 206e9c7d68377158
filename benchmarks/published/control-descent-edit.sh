#!/usr/bin/env bash
set -euo pipefail
# The two cores of the machine had other work too: seconds of training say little.
SUITES=control-descent,control-descent-ood,control-descent-shallow
python -m benchmarks run --suite $SUITES --seeds 0-4 --steps 48000 --points 1 --no-stage0 --workers 1 \
    --out runs/control-descent-edit --algos ppo-edit
python -m benchmarks report runs/control-descent-edit --publish control-descent-edit
