#!/usr/bin/env bash
set -euo pipefail
# Two more seeds of rows with small rollouts. The two cores of the machine had other work too: seconds of training say little.
SMALL="@n_steps=16@batch_size=256@ent_coef=0.01@learning_rate=[4e-3,3e-4]"
WON="@n_steps=32@batch_size=512@n_epochs=8@gae_lambda=0.95@ent_coef=0.03@learning_rate=[2e-3,2e-4]"
LINES="trm_ppo@mixer=neighbours@k_cycles=1@n_h_layers=20@h_dim=4@l_dim=1$SMALL"
for cycles in 5 10 15 30 40; do LINES="$LINES,trm_ppo@k_cycles=20$SMALL+cycles=$cycles"; done
LINES="$LINES,trm_ppo@mixer=attention@k_cycles=20@h_dim=12@l_dim=8@n_h_layers=1$WON"
python -m benchmarks run --suite walk-7x7 --seeds 3-4 --steps 120000 --points 4 --no-stage0 --workers 1 \
    --out runs/walk-7x7-small-3-4 --algos "$LINES"
python -m benchmarks report runs/walk-7x7-small-3-4 --publish walk-7x7-small-3-4
