#!/usr/bin/env bash
# Trials were run at several commits, and other work ran beside them: seconds of training say little.
set -euo pipefail
tune() { python -m benchmarks tune --suite walk-7x7 --trials 5 --steps 60000 --workers 1 --out runs/tuning-walks --algos "$1" "${@:2}"; }
RECURSIONS=trm_ppo@mixer=conv@k_cycles=20@h_dim=10@l_dim=6@n_h_layers=1
RECURSIONS=$RECURSIONS,trm_ppo@mixer=attention@k_cycles=20@h_dim=12@l_dim=8@n_h_layers=1
RECURSIONS=$RECURSIONS,trm_ppo@mixer=neighbours@k_cycles=20@h_dim=12@l_dim=8@n_h_layers=1,trm_ppo@k_cycles=20
STACKS="ppo@policy_kwargs.net_arch=[4,4],trm_ppo@mixer=conv@k_cycles=1@n_h_layers=4@h_dim=6@l_dim=1"
STACKS=$STACKS,trm_ppo@mixer=conv@k_cycles=1@n_h_layers=20@h_dim=3@l_dim=1
STACKS=$STACKS,trm_ppo@mixer=neighbours@k_cycles=1@n_h_layers=20@h_dim=4@l_dim=1
tune "$STACKS,$RECURSIONS" --publish tuning-walks
