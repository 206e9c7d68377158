#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks receding zoo:trc-van-der-pol --suite control-vdp --out benchmarks/published/receding.jsonl
python -m benchmarks results --seal
python -m benchmarks readme
