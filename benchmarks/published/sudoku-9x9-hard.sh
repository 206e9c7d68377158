#!/usr/bin/env bash
# These rows took the places of earlier ones with 32 attempts that saw no guesses; docs/notebook/attempts.md has those.
set -euo pipefail
python -m benchmarks run --suite sudoku-9x9-hard --seeds 0-4 --steps 60000 --no-stage0 --out runs/sudoku-9x9-hard \
    --algos hindsight_trm+attempts=127
python -m benchmarks report runs/sudoku-9x9-hard --publish sudoku-9x9-hard
