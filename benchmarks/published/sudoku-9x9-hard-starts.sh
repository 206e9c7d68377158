#!/usr/bin/env bash
# Models were trained at commit 8dbf243 by the same command, and scored at the commit of the rows, where two starts have to agree.
set -euo pipefail
ROW=hindsight_trm+starts
python -m benchmarks run --suite sudoku-9x9-hard --seeds 0-4 --steps 60000 --points 4 --no-stage0 --workers 2 \
    --out runs/sudoku-9x9-hard-starts --algos $ROW=1,$ROW=8,$ROW=64,$ROW=256
python -m benchmarks report runs/sudoku-9x9-hard-starts --publish sudoku-9x9-hard-starts
