#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks run --suite control-di-tight --seeds 0-4 --points 4 --no-stage0 --workers 1 --out runs/edits \
    --algos trc@env.edit=plan,trc@env.edit=window
python -m benchmarks report runs/edits --publish control-di-tight-edits
