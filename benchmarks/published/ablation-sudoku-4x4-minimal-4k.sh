#!/usr/bin/env bash
# The reference lines and hindsight_trm are the run's own.
set -euo pipefail
methods=(
    hindsight_trm
    upi_trm
    upi_trm@mixture.alpha=0.1
    upi_trm@mixture.alpha=0.25
    upi_trm@mixture.alpha=1.0
    upi_trm@target.horizon=1
    upi_trm@checker_weight=0.0
    upi_trm@checker_weight=1.0
    upi_trm@beta=1.0
    upi_trm@unroll=1
    upi_trm@unroll=2
    upi_trm@unroll=8
    upi_trm@deep_supervision=false
    upi_trm@policy_kwargs.radius=null
    upi_trm@mixture.kind=exact
    upi_trm@advantage=readout
)
python -m benchmarks run --suite sudoku-4x4-minimal --seeds 0-2 --steps 4000 --no-stage0 \
    --out runs/ablation-sudoku-4x4-minimal-4k \
    --algos "$(IFS=,; echo "${methods[*]}")"
python -m benchmarks report runs/ablation-sudoku-4x4-minimal-4k --publish ablation-sudoku-4x4-minimal-4k
