#!/usr/bin/env bash
set -euo pipefail
ROW=trm_reinforce
# There is one maze: of a run, the edits say whether its greedy policy walks a shortest way of eight moves.
python -m benchmarks run --suite open-walk-5x5 --seeds 0-9 --steps 30000 --points 1 --no-stage0 --workers 1 --out runs/open-walk \
    --algos "reinforce,$ROW@n_h_layers=1,$ROW@n_h_layers=1@k_cycles=5"
python -m benchmarks run --suite open-walk-5x5 --seeds 0-9 --steps 30000 --points 1 --no-stage0 --workers 1 --resume --out runs/open-walk \
    --algos "$ROW@deep_supervision=true,$ROW@deep_supervision=true@k_cycles=5"
python -m benchmarks report runs/open-walk --publish open-walk-5x5
