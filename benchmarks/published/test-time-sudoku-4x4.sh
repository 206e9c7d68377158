#!/usr/bin/env bash
# Policy and solver lines of the same models. Training was done by version 0.1 at commit 489fe07, whose settings give the
# same weights today (tests/agents/test_golden.py); the models were converted and scored at the commit of the rows.
set -euo pipefail
python -m benchmarks run --suite sudoku-4x4-hard,sudoku-4x4-minimal --seeds 0-4 --steps 50000 --points 1 --no-stage0 --out runs/test-time-sudoku-4x4 \
    --algos hindsight_trm,hindsight_trm+attempts=127
python -m benchmarks report runs/test-time-sudoku-4x4 --publish test-time-sudoku-4x4
