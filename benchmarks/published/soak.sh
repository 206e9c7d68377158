#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks soak --minutes 60 --out benchmarks/published/soak.jsonl
