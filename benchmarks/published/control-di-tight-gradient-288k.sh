#!/usr/bin/env bash
set -euo pipefail
# Rows of control-di-tight itself are left out: there trc-gradient is at the optimum after half as many steps
# (control-di-tight-gradient). The two cores of the machine had other work too: seconds of training say little.
python -m benchmarks run --suite control-di-tight-ood --algos trc-gradient --seeds 0-4 --steps 288000 --points 1 --no-stage0 --workers 1 \
    --out runs/control-di-tight-gradient-288k
python -m benchmarks report runs/control-di-tight-gradient-288k --publish control-di-tight-gradient-288k
