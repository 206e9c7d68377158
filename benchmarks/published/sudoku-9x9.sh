#!/usr/bin/env bash
# These rows took the places of earlier ones without attempts; docs/notebook/attempts.md has those.
set -euo pipefail
python -m benchmarks run --suite sudoku-9x9 --seeds 0-4 --steps 60000 --no-stage0 --out runs/sudoku-9x9 \
    --algos hindsight_trm+attempts=32
python -m benchmarks report runs/sudoku-9x9 --publish sudoku-9x9
