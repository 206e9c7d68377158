#!/usr/bin/env bash
# A fourth seed, on its own.
set -euo pipefail
S=upi_trm-survival
ALONE="$S@target.rounds=0@target.successors=0@target.bounds=false"
ARMS="$S,$ALONE,$ALONE@target.own_plans=true,upi_trm-outcome,upi_trm-outcome@target.steps=8,upi_trm-cost_to_go"
ARMS="$ARMS,$S@target.rounds=0@target.bounds=false@target.over=edits,$S@target.anchored=solved"
python -m benchmarks run --suite sudoku-9x9,sudoku-9x9-hard-from-9x9 --seeds 3 --steps 40000 --points 1 --no-stage0 \
    --out runs/targets-9x9-seed-3 --algos "$ARMS,$(sed 's/,/+attempts=8,/g; s/$/+attempts=8/' <<< "$ARMS")"
python -m benchmarks report runs/targets-9x9-seed-3 --publish sudoku-9x9-targets-seed-3
