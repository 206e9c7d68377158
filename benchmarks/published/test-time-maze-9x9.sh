#!/usr/bin/env bash
# Policy and solver lines of the same models. Training was done by version 0.1 at commit 489fe07, whose settings give the
# same weights today (tests/agents/test_golden.py); the models were converted and scored at the commit of the rows.
set -euo pipefail
python -m benchmarks run --suite maze-9x9 --seeds 0-4 --steps 50000 --points 1 --no-stage0 --out runs/test-time-maze-9x9 \
    --algos hindsight_trm,hindsight_trm+attempts=32,hindsight_trm+attempts=127
python -m benchmarks report runs/test-time-maze-9x9 --publish test-time-maze-9x9
