#!/usr/bin/env bash
# The attempts of these agents saw no guesses. Seeds 2 to 4 were stopped for want of time and are not published.
set -euo pipefail
python -m benchmarks run --suite sudoku-9x9 --seeds 0-1 --steps 350000 --no-stage0 --out runs/sudoku-9x9-350k \
    --algos hindsight_trm+attempts=32
python -m benchmarks report runs/sudoku-9x9-350k --publish sudoku-9x9-350k
