#!/usr/bin/env bash
# The two cores of the machine had other work too: seconds of training say little.
set -euo pipefail
LINE=hindsight_trm@policy_kwargs.core.maxima=0.5
python -m benchmarks run --suite maze-9x9 --seeds 0-4 --steps 50000 --points 2 --no-stage0 --workers 1 --out runs/maze-9x9-50k-maxima \
    --algos "$LINE,$LINE+attempts=127"
python -m benchmarks report runs/maze-9x9-50k-maxima --publish maze-9x9-50k-maxima
