#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks run --suite walk-7x7 --seeds 2 --steps 1200000 --points 4 --no-stage0 --workers 1 \
    --out runs/walk-7x7-cnn --algos trm_ppo@mixer=conv@k_cycles=1@n_h_layers=4@h_dim=6@l_dim=1
python -m benchmarks report runs/walk-7x7-cnn --publish walk-7x7-cnn
