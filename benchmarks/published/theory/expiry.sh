#!/usr/bin/env bash
# The column algo was filled in later.
set -euo pipefail
for slots in 4 16; do
    python -m benchmarks audit expiry.jsonl --seeds 0-4 --steps 9600 --n-steps 2 --capacity $slots --blanks 2 --alpha 0.3 \
        --csv expiry.csv
done
