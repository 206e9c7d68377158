#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks certify zoo:upi-trm-sudoku-4x4 --suite sudoku-4x4-hard --blanks 6 --instances 4 --max-states 500000 \
    --name "zoo:upi-trm-sudoku-4x4, 6 blanks" --csv closures-6.csv
