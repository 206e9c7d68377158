#!/usr/bin/env bash
# The two cores of the machine had other work too: seconds of training say little.
set -euo pipefail
ATTENTION=trm_ppo@mixer=attention@k_cycles=20@h_dim=12@l_dim=8@n_h_layers=1
WON="@n_steps=32@batch_size=512@n_epochs=8@gae_lambda=0.95@ent_coef=0.03@learning_rate=[2e-3,2e-4]"
python -m benchmarks run --suite walk-7x7 --seeds 0-2 --steps 120000 --points 1 --no-stage0 --workers 1 --out runs/walk-7x7-attention \
    --algos "$ATTENTION$WON"
python -m benchmarks report runs/walk-7x7-attention --publish walk-7x7-attention
