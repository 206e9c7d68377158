#!/usr/bin/env bash
# These rows took the places of earlier ones with 32 attempts that saw no guesses.
set -euo pipefail
python -m benchmarks run --suite sudoku-9x9 --seeds 0-4 --steps 200000 --points 16 --no-stage0 \
    --out runs/sudoku-9x9-200k --algos hindsight_trm+attempts=127
python -m benchmarks report runs/sudoku-9x9-200k --publish sudoku-9x9-200k
