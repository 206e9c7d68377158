#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks certify zoo:upi-trm-sudoku-4x4 \
    --instances 208 --max-states 500 --name zoo:upi-trm-sudoku-4x4 --csv certificates-zoo.csv
