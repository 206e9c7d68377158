#!/usr/bin/env bash
# The learning rate was chosen by runs of other seeds, 10 to 21.
set -euo pipefail
ROW=trm_reinforce@deep_supervision=true@learning_rate=5e-4
python -m benchmarks run --suite open-walk-5x5 --seeds 0-9 --steps 30000 --points 1 --no-stage0 --workers 1 \
    --out runs/open-walk-small-steps --algos $ROW,$ROW@k_cycles=5
python -m benchmarks report runs/open-walk-small-steps --publish open-walk-5x5-small-steps
