#!/usr/bin/env bash
# The column expiry_bound of the audits with 12 promotions was filled in later: with 16 slots nothing expires, so it is 0. So was algo.
set -euo pipefail
python -m benchmarks audit audits.jsonl --seeds 0-2 --steps 4800 --blanks 2 --alpha 0.3,safe --csv audits.csv
