#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks audit audits-survival.jsonl --algo upi_trm-survival --seeds 0-2 --steps 4800 --n-steps 8 --blanks 2 \
    --alpha 0.3 --csv audits-survival.csv
