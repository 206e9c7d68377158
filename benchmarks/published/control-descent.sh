#!/usr/bin/env bash
set -euo pipefail
SUITES=control-descent,control-descent-ood,control-descent-shallow
python -m benchmarks run --suite $SUITES --algos ppo-step --seeds 0-4 --points 1 --no-stage0 --workers 1 --out runs/control-descent
python -m benchmarks report runs/control-descent --publish control-descent
