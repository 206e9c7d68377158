#!/usr/bin/env bash
# The two cores of the machine had other work too: seconds of training say little.
set -euo pipefail
WON="@n_steps=16@batch_size=512@n_epochs=8@gae_lambda=0.95@ent_coef=0.003@learning_rate=[2e-3,2e-4]"
LINES="trm_ppo@mixer=neighbours@k_cycles=1@n_h_layers=20@h_dim=4@l_dim=1$WON"
LINES="$LINES,trm_ppo@mixer=conv@k_cycles=20@h_dim=10@l_dim=6@n_h_layers=1$WON"
LINES="$LINES,trm_ppo@mixer=conv@k_cycles=1@n_h_layers=4@h_dim=6@l_dim=1$WON"
LINES="$LINES,ppo@policy_kwargs.net_arch=[4,4]@n_steps=128@batch_size=512@n_epochs=8@gae_lambda=0.95@ent_coef=0.01@learning_rate=[2e-3,2e-4]"
WON="@n_steps=16@batch_size=256@n_epochs=8@gae_lambda=0.9@ent_coef=0.003@learning_rate=[1e-3,1e-4]"
LINES="$LINES,trm_ppo@mixer=conv@k_cycles=1@n_h_layers=20@h_dim=3@l_dim=1$WON"
python -m benchmarks run --suite walk-7x7 --seeds 0-4 --steps 120000 --points 1 --no-stage0 --workers 1 --out runs/walk-7x7-tuned \
    --algos "$LINES"
python -m benchmarks report runs/walk-7x7-tuned --publish walk-7x7-tuned
