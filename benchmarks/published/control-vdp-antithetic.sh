#!/usr/bin/env bash
set -euo pipefail
# The two cores of the machine had other work too: seconds of training say little.
python -m benchmarks run --suite control-vdp,control-vdp-ood --seeds 0-4 --steps 12800 --points 1 --no-stage0 --workers 1 \
    --out runs/vdp-antithetic --algos trc-antithetic
python -m benchmarks report runs/vdp-antithetic --publish control-vdp-antithetic
