#!/usr/bin/env bash
set -euo pipefail
S=upi_trm-survival
ALONE="$S@target.rounds=0@target.successors=0@target.bounds=false"
ARMS="$S,$ALONE,$ALONE@target.own_plans=true,upi_trm-outcome,upi_trm-outcome@target.steps=8,upi_trm-cost_to_go"
ARMS="$ARMS,$S@target.rounds=0@target.bounds=false@target.over=edits,$S@target.anchored=solved"
python -m benchmarks run --suite sudoku-4x4-minimal --seeds 0-4 --steps 8000 --points 4 --no-stage0 --out runs/targets-4x4 \
    --algos "$ARMS,$(sed 's/,/+attempts=8,/g; s/$/+attempts=8/' <<< "$ARMS")"
python -m benchmarks report runs/targets-4x4 --publish sudoku-4x4-minimal-targets
