#!/usr/bin/env bash
set -euo pipefail
# The cores of the machine had other work too: seconds of training say little.
python -m benchmarks run --suite control-di,control-di-ood --algos ppo-edit --seeds 0-4 --points 1 --no-stage0 --workers 1 --out runs/control-di-ppo
python -m benchmarks report runs/control-di-ppo --publish control-di-ppo
