#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks defaults --out benchmarks/published/defaults.jsonl
