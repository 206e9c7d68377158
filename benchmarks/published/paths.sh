#!/usr/bin/env bash
# Three processes at once, each with a file of its own.
set -euo pipefail
OUT=benchmarks/published/paths.jsonl
SAME=recursive,recursive-last,recursive-carry,recursive-once,cold-5
python -m benchmarks paths --split test --seeds 0-2 --out $OUT --networks $SAME,cnn,cnn-deep,transformer
python -m benchmarks paths --split test --seeds 3-4 --out $OUT --networks recursive-carry,recursive-last
python -m benchmarks paths --split test --seeds 3 --out $OUT --networks recursive
python -m benchmarks paths --split test --seeds 0 --out $OUT --networks transformer-deep
python -m benchmarks paths --split test --seeds 0 --out $OUT --networks cold-1,cold-2,cold-3,cold-10,cold-20
python -m benchmarks results --seal
