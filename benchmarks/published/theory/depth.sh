#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks depth runs/depth --suite sudoku-4x4-hard --seeds 0-4 --steps 20000 --workers 1 --csv depth.csv
