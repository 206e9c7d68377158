#!/usr/bin/env bash
# Of the models that sudoku-4x4-minimal-targets.sh trains.
set -euo pipefail
python -m benchmarks refutation runs/targets-4x4 --csv benchmarks/published/refutation-sudoku-4x4-minimal.csv
