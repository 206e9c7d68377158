#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks compute zoo:upi-trm-sudoku-9x9 --suite sudoku-9x9-hard --out runs/compute-hard
cp runs/compute-hard/compute.jsonl benchmarks/published/compute-sudoku-9x9-hard.jsonl
