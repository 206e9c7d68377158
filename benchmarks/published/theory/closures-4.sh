#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks certify zoo:upi-trm-sudoku-4x4 --blanks 4 --instances 12 --max-states 50000 \
    --name "zoo:upi-trm-sudoku-4x4, 4 blanks" --csv closures-4.csv
