#!/usr/bin/env bash
# Chosen by runs of other seeds, from 10 on.
set -euo pipefail
ROW=trm_reinforce@deep_supervision=true@learning_rate=1e-3@ent_coef=0.0
python -m benchmarks run --suite open-walk-5x5 --seeds 0-9 --steps 30000 --points 1 --no-stage0 --workers 1 \
    --out runs/open-walk-no-bonus --algos $ROW,$ROW@k_cycles=5
python -m benchmarks report runs/open-walk-no-bonus --publish open-walk-5x5-no-bonus
