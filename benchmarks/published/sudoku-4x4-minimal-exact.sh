#!/usr/bin/env bash
# The reference lines are those of sudoku-4x4-minimal. With an earlier core the rows had 96.6 % (upi_trm-exact) and 100.0 %
# (stage0).
set -euo pipefail
python -m benchmarks run --suite sudoku-4x4-minimal --seeds 0-4 --steps 20000 --out runs/sudoku-4x4-minimal-exact \
    --algos upi_trm-exact
python -m benchmarks report runs/sudoku-4x4-minimal-exact --publish sudoku-4x4-minimal-exact
