#!/usr/bin/env bash
set -euo pipefail
# The two cores of the machine had other work too: seconds of training say little.
SUITES=control-di-tight,control-di-tight-ood
python -m benchmarks run --suite $SUITES --algos trc-gradient --seeds 0-4 --steps 288000 --points 1 --no-stage0 --workers 1 \
    --out runs/control-di-tight-gradient-288k
python -m benchmarks report runs/control-di-tight-gradient-288k --publish control-di-tight-gradient-288k
