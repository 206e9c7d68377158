#!/usr/bin/env bash
set -euo pipefail
OUT=benchmarks/published/paths.jsonl
CHANGES=recursive-last,recursive-once,recursive-carry,cold-5
STACKS=cnn,cnn-deep,transformer
python -m benchmarks paths --split test --seeds 0-2 --out $OUT --networks recursive,$CHANGES,$STACKS
python -m benchmarks results --seal
