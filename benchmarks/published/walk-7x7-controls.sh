#!/usr/bin/env bash
set -euo pipefail
LINES=trm_ppo@k_cycles=20
for cycles in 5 10 15 30 40; do LINES="$LINES,trm_ppo@k_cycles=20+cycles=$cycles"; done
CNN=trm_ppo@mixer=conv@k_cycles=1@n_h_layers=4@h_dim=6@l_dim=1
python -m benchmarks run --suite walk-7x7 --seeds 0 --steps 1200000 --points 4 --no-stage0 --workers 1 \
    --out runs/walk-7x7-controls --algos "$LINES,$CNN"
python -m benchmarks run --suite walk-7x7 --seeds 1-2 --steps 1200000 --points 4 --no-stage0 --workers 1 --resume \
    --out runs/walk-7x7-controls --algos "$LINES"
python -m benchmarks run --suite walk-7x7 --seeds 0 --steps 1200000 --points 4 --no-stage0 --workers 1 --resume \
    --out runs/walk-7x7-controls --algos ppo@policy_kwargs.net_arch=[4,4]
python -m benchmarks run --suite walk-7x7 --seeds 1 --steps 1200000 --points 4 --no-stage0 --workers 1 --resume \
    --out runs/walk-7x7-controls --algos $CNN
python -m benchmarks report runs/walk-7x7-controls --publish walk-7x7-controls
