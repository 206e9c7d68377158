#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks run --suite control-di,control-di-ood --algos trc,mlp_control,trc-antithetic \
    --seeds 0-4 --points 1 --no-stage0 --workers 1 --out runs/control-di
python -m benchmarks report runs/control-di --publish control-di
