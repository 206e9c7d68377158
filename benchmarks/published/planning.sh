#!/usr/bin/env bash
# Needs the extra `reference`.
set -euo pipefail
OUT=benchmarks/published/planning.jsonl
python -m benchmarks planning zoo:trc-van-der-pol --suite control-vdp --edits 1,2,5,20 --out $OUT
python -m benchmarks planning zoo:trc-powered-descent --suite control-descent --edits 1,2,5,20 --out $OUT
python -m benchmarks results --seal
