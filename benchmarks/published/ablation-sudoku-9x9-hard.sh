#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks run --suite sudoku-9x9-hard --seeds 0-2 --steps 60000 --no-stage0 \
    --out runs/ablation-sudoku-9x9-hard --algos hindsight_trm
methods=(
    hindsight_trm@env.curriculum=null+attempts=127
    hindsight_trm@search=null+attempts=127
    hindsight_trm@checker_steps=1+attempts=127
    hindsight_trm@env.retry=0+attempts=127
    hindsight_trm@deep_supervision=false+attempts=127
    hindsight_trm@ema_decay=0+attempts=127
    hindsight_trm@unroll=8@train_unroll=[8,8,8]@carry_unroll=8+attempts=127
    hindsight_trm@carry_unroll=null
    hindsight_trm@policy_kwargs.core.kind=cells+attempts=127
    hindsight_trm@policy_kwargs.core.kind=cells@policy_kwargs.core.symmetries=false+attempts=127
    hindsight_trm@unroll=2@train_unroll=[2,2,2]@carry_unroll=2+attempts=127
    hindsight_trm@unroll=4@train_unroll=[4,4,4]@carry_unroll=4+attempts=127
    hindsight_trm@unroll=6@train_unroll=[6,6,6]@carry_unroll=6+attempts=127
    hindsight_trm@unroll=1@train_unroll=[1,1,1]@carry_unroll=1+attempts=127
)
python -m benchmarks run --suite sudoku-9x9-hard --seeds 0-2 --steps 60000 --points 1 --no-stage0 \
    --out runs/ablation-sudoku-9x9-hard --resume \
    --algos "$(IFS=,; echo "${methods[*]}")"
python -m benchmarks report runs/ablation-sudoku-9x9-hard --publish ablation-sudoku-9x9-hard
