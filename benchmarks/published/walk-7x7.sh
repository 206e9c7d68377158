#!/usr/bin/env bash
# The CNN, the MLP and the layers of neighbour sums were added to the run afterwards. Rollouts are small, as they then were.
set -euo pipefail
SMALL="@n_steps=16@batch_size=256@ent_coef=0.01@learning_rate=[4e-3,3e-4]"
LINES="trm_ppo@k_cycles=20$SMALL"
for cycles in 5 10 15 30 40; do LINES="$LINES,trm_ppo@k_cycles=20$SMALL+cycles=$cycles"; done
python -m benchmarks run --suite walk-7x7 --seeds 0-2 --steps 120000 --points 4 --workers 1 --out runs/walk-7x7 --algos "$LINES"
python -m benchmarks run --suite walk-7x7 --seeds 0-2 --steps 120000 --points 4 --workers 1 --out runs/walk-7x7 \
    --resume --algos "trm_ppo@mixer=conv@k_cycles=1@n_h_layers=4@h_dim=6@l_dim=1$SMALL,ppo@policy_kwargs.net_arch=[4,4]"
python -m benchmarks run --suite walk-7x7 --seeds 0 --steps 120000 --points 4 --workers 1 --out runs/walk-7x7 \
    --resume --algos "trm_ppo@mixer=neighbours@k_cycles=1@n_h_layers=20@h_dim=4@l_dim=1$SMALL"
python -m benchmarks report runs/walk-7x7 --publish walk-7x7
