#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks run --suite control-di-tight,control-di-tight-ood \
    --algos trc,mlp_control,trc@unroll=1,trc@supervision=last,trc-antithetic \
    --seeds 0-4 --points 1 --no-stage0 --workers 1 --out runs/control-di-tight
python -m benchmarks report runs/control-di-tight --publish control-di-tight
