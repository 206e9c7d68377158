#!/usr/bin/env bash
set -euo pipefail
# The two cores of the machine had other work too: seconds of training say little.
run() { python -m benchmarks run --suite walk-7x7 --steps 1200000 --points 4 --no-stage0 --workers 1 --out runs/walk-7x7-controls-1-4 "$@"; }
run --seeds 3-4 --algos trm_ppo@mixer=conv@k_cycles=1@n_h_layers=4@h_dim=6@l_dim=1
run --seeds 1-4 --resume --algos ppo@policy_kwargs.net_arch=[4,4]
python -m benchmarks report runs/walk-7x7-controls-1-4 --publish walk-7x7-controls-1-4
