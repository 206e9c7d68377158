#!/usr/bin/env bash
set -euo pipefail
# The two cores of the machine had other work too: seconds of training say little. Attention was stopped after its first seed.
K=hindsight_trm@policy_kwargs.core.kind
S=@policy_kwargs.core.symmetries=false
python -m benchmarks run --suite sudoku-9x9 --seeds 0-2 --steps 45000 --points 4 --no-stage0 --workers 1 --out runs/told-9x9 \
    --algos "hindsight_trm,$K=discovered,$K=cells,$K=cells$S"
python -m benchmarks run --suite sudoku-9x9 --seeds 0 --steps 45000 --points 4 --no-stage0 --workers 1 --out runs/told-9x9 --resume \
    --algos hindsight_trm-attention
python -m benchmarks report runs/told-9x9 --publish sudoku-9x9-told
