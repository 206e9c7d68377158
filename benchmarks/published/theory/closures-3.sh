#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks certify zoo:upi-trm-sudoku-4x4 --blanks 3 --instances 24 --max-states 20000 \
    --name "zoo:upi-trm-sudoku-4x4, 3 blanks" --csv closures-3.csv
