#!/usr/bin/env bash
# Of the models that sudoku-9x9-survival.sh trains.
set -euo pipefail
python -m benchmarks refutation runs/survival-9x9 --csv benchmarks/published/refutation-sudoku-9x9.csv
