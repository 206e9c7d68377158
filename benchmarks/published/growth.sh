#!/usr/bin/env bash
# A puzzle that is not solved costs all edits: of large grids only the first puzzles are played.
set -euo pipefail
OUT=benchmarks/published/growth.jsonl
python -m benchmarks growth zoo:upi-trm-sudoku-9x9 --suites sudoku-4x4-minimal,sudoku-9x9,sudoku-9x9-hard --limit 128 --out $OUT
python -m benchmarks growth zoo:upi-trm-sudoku-9x9 --suites sudoku-16x16-zero-shot --limit 16 --out $OUT
python -m benchmarks growth zoo:upi-trm-sudoku-16x16 --suites sudoku-16x16 --limit 32 --out $OUT
python -m benchmarks growth zoo:upi-trm-sudoku-9x9 --suites sudoku-25x25-zero-shot --limit 4 --out $OUT
python -m benchmarks growth zoo:upi-trm-sudoku-16x16 --suites sudoku-25x25-zero-shot --limit 4 --out $OUT
python -m benchmarks results --seal
