#!/usr/bin/env bash
# The methods were run one by one. The variant with 48 inner steps has three seeds.
set -euo pipefail
python -m benchmarks run --suite maze-9x9 --seeds 0-4 --steps 50000 --points 1 --no-stage0 \
    --out runs/maze-9x9-50k-trm --algos trm_a2c,upi_trm,trm_ppo,trm_dqn,trm_maskable_ppo,trm_maskable_ppo-consistent
python -m benchmarks run --suite maze-9x9 --seeds 0-2 --steps 50000 --points 1 --no-stage0 \
    --out runs/maze-9x9-50k-trm --resume --algos trm_a2c@network.unroll=48
python -m benchmarks report runs/maze-9x9-50k-trm --publish maze-9x9-50k-trm
