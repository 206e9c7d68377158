#!/usr/bin/env bash
set -euo pipefail
# On a machine that does nothing else. Ray's workers have niceness 15 otherwise.
export RAY_worker_niceness=0
python -m benchmarks scaling --cells 12 --out benchmarks/published/scaling.jsonl
