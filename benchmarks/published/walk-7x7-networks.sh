#!/usr/bin/env bash
# Further networks beside those of walk-7x7.sh, and further seeds of those. Rollouts are small. The two cores of the machine had other
# work too: seconds of training say little.
set -euo pipefail
SMALL="@n_steps=16@batch_size=256@ent_coef=0.01@learning_rate=[4e-3,3e-4]"
ATTENTION="trm_ppo@mixer=attention@k_cycles=20@h_dim=12@l_dim=8@n_h_layers=1$SMALL"
CONVOLUTIONS="trm_ppo@mixer=conv@k_cycles=20@h_dim=10@l_dim=6@n_h_layers=1$SMALL"
SUMS="trm_ppo@mixer=neighbours@k_cycles=20@h_dim=12@l_dim=8@n_h_layers=1$SMALL"
DEEP="trm_ppo@mixer=conv@k_cycles=1@n_h_layers=20@h_dim=3@l_dim=1$SMALL"
LAYERS="trm_ppo@mixer=neighbours@k_cycles=1@n_h_layers=20@h_dim=4@l_dim=1$SMALL"
CNN="trm_ppo@mixer=conv@k_cycles=1@n_h_layers=4@h_dim=6@l_dim=1$SMALL"
RUN="python -m benchmarks run --suite walk-7x7 --steps 120000 --points 4 --no-stage0 --workers 1 --out runs/walk-7x7-networks --resume"
$RUN --seeds 0-4 --algos "$DEEP,$SUMS,$CONVOLUTIONS,$ATTENTION"
$RUN --seeds 1-2 --algos "$LAYERS"
$RUN --seeds 3-4 --algos "trm_ppo@k_cycles=20$SMALL,$CNN,ppo@policy_kwargs.net_arch=[4,4]"
python -m benchmarks report runs/walk-7x7-networks --publish walk-7x7-networks
