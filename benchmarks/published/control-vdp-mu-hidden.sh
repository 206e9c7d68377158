#!/usr/bin/env bash
set -euo pipefail
# The two cores of the machine had other work too: seconds of training say little.
SUITES=control-vdp-mu-hidden,control-vdp-mu-hidden-ood
python -m benchmarks run --suite $SUITES --algos trc --seeds 0-4 --points 1 --no-stage0 --workers 1 --out runs/control-vdp-mu-hidden
python -m benchmarks report runs/control-vdp-mu-hidden --publish control-vdp-mu-hidden
