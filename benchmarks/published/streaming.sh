#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks streaming --out benchmarks/published/streaming.jsonl
