#!/usr/bin/env bash
set -euo pipefail
methods=(
    hindsight_trm
    hindsight_trm@checker_steps=1
    hindsight_trm@unroll=1
    hindsight_trm@unroll=2
    hindsight_trm@unroll=6
    hindsight_trm@unroll=8
    hindsight_trm@policy_kwargs.radius=null
    hindsight_trm@policy_kwargs.radius=1
    hindsight_trm@deep_supervision=false
    hindsight_trm@ema_decay=0
    hindsight_trm@carry_unroll=4
    hindsight_trm@policy_kwargs.optimizer_kwargs.weight_decay=0.01
    hindsight_trm@policy_kwargs.width=8
    hindsight_trm@policy_kwargs.core.kind=cells
    hindsight_trm@policy_kwargs.core.kind=cells@policy_kwargs.core.symmetries=false
    hindsight_trm@env.retry=0.3
    hindsight_trm@search.instances=4
    hindsight_trm@train_unroll=[4,4,2]
    hindsight_trm@solved_cell_weight=1.0
    hindsight_trm@train_unroll=[2,8,8]
)
python -m benchmarks run --suite sudoku-4x4-minimal --seeds 0-2 --steps 5000 --no-stage0 \
    --out runs/ablation-sudoku-4x4-minimal-5k \
    --algos "$(IFS=,; echo "${methods[*]}")"
python -m benchmarks report runs/ablation-sudoku-4x4-minimal-5k --publish ablation-sudoku-4x4-minimal-5k
