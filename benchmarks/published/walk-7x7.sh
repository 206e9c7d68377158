#!/usr/bin/env bash
# The CNN, the MLP and the layers of neighbour sums were added to the run afterwards.
set -euo pipefail
python -m benchmarks run --suite walk-7x7 --seeds 0-2 --steps 120000 --points 4 --workers 1 --out runs/walk-7x7 \
    --algos trm_ppo,trm_ppo+cycles=5,trm_ppo+cycles=10,trm_ppo+cycles=15,trm_ppo+cycles=30,trm_ppo+cycles=40
python -m benchmarks run --suite walk-7x7 --seeds 0-2 --steps 120000 --points 4 --workers 1 --out runs/walk-7x7 \
    --resume --algos 'trm_ppo@mixer=conv@k_cycles=1@n_h_layers=4@h_dim=6@l_dim=1,ppo@policy_kwargs.net_arch=[4,4]'
python -m benchmarks run --suite walk-7x7 --seeds 0 --steps 120000 --points 4 --workers 1 --out runs/walk-7x7 \
    --resume --algos trm_ppo@mixer=neighbours@k_cycles=1@n_h_layers=20@h_dim=4@l_dim=1
python -m benchmarks report runs/walk-7x7 --publish walk-7x7
