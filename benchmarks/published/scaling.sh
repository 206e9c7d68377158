#!/usr/bin/env bash
# On a machine that does nothing else, with the extra `ray`.
set -euo pipefail
RAY_worker_niceness=0 python -m benchmarks scaling --out benchmarks/published/scaling.jsonl
python -m benchmarks results --seal
python -m benchmarks readme
