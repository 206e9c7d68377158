#!/usr/bin/env bash
set -euo pipefail
SUITES=control-di-tight,control-di-tight-ood
python -m benchmarks run --suite $SUITES --algos trc-gradient --seeds 0-4 --points 1 --no-stage0 --workers 1 --out runs/control-di-tight-gradient
python -m benchmarks report runs/control-di-tight-gradient --publish control-di-tight-gradient
