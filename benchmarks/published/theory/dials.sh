#!/usr/bin/env bash
# These rows are from before commit 0ca1ce5, so rounding chooses among equally good edits.
set -euo pipefail
rows=$(for n in 2 4 8; do
    for L in 0.5 0.7 0.9 0.95 0.99; do
        echo "hindsight_trm-certified@policy_kwargs.core.lipschitz=$L@unroll=$n@train_unroll=[$((n / 2)),$n,$n]"
    done
    echo "hindsight_trm@unroll=$n@train_unroll=[$((n / 2)),$n,$n]@checker_steps=16000"
done | paste -sd,)
python -m benchmarks depth runs/dials --suite sudoku-4x4-minimal --algos "$rows" --seeds 0-2 --steps 20000 --workers 1 \
    --csv dials.csv
