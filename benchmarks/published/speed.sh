#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks speed --out benchmarks/published/speed.jsonl
