#!/usr/bin/env bash
set -euo pipefail
SUITES=control-vdp,control-vdp-ood
python -m benchmarks run --suite $SUITES --algos trc,mlp_control --seeds 0-4 --points 1 --no-stage0 --workers 1 --out runs/control-vdp
for mu in 0.5 0.8 1.3 1.6 2; do SUITES="$SUITES,control-vdp-at-mu-$mu"; done
python -m benchmarks run --suite "$SUITES" --algos trc --seeds 0-4 --points 1 --no-stage0 --workers 1 --resume --out runs/control-vdp
python -m benchmarks report runs/control-vdp --publish control-vdp
