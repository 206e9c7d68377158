#!/usr/bin/env bash
# The two cores of the machine had other work too: seconds of training say little.
set -euo pipefail
LINE="trm_ppo@k_cycles=64@gradient_cycles=16@maxima=0.5@n_steps=16@batch_size=256@ent_coef=0.01@learning_rate=[4e-3,3e-4]"
python -m benchmarks run --suite walk-7x7 --seeds 0-4 --steps 120000 --points 1 --no-stage0 --workers 1 --out runs/walk-7x7-deep \
    --algos "$LINE,$LINE+cycles=20,$LINE+cycles=32,$LINE+cycles=96,$LINE+cycles=128"
python -m benchmarks report runs/walk-7x7-deep --publish walk-7x7-deep
