#!/usr/bin/env bash
set -euo pipefail
SUITES=control-vdp-mu,control-vdp-mu-ood
for mu in 0.5 0.8 1 1.3 1.6 2; do SUITES="$SUITES,control-vdp-mu-$mu"; done
python -m benchmarks run --suite "$SUITES" --algos trc --seeds 0-4 --points 1 --no-stage0 --workers 1 --out runs/control-vdp-mu
python -m benchmarks report runs/control-vdp-mu --publish control-vdp-mu
