#!/usr/bin/env bash
set -euo pipefail
# The two cores of the machine had other work too: seconds of training say little. sac-step was tuned afterwards, and
# kept the settings that it had.
SUITES=control-descent,control-descent-ood,control-descent-shallow
python -m benchmarks run --suite $SUITES --seeds 0-4 --steps 48000 --points 1 --no-stage0 --workers 1 \
    --out runs/control-descent-tuned --algos trc,mlp_control,sac-step
python -m benchmarks report runs/control-descent-tuned --publish control-descent-tuned
