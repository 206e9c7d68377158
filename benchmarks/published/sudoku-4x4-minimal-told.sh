#!/usr/bin/env bash
set -euo pipefail
# The two cores of the machine had other work too: seconds of training say little.
K=hindsight_trm@policy_kwargs.core.kind
A=hindsight_trm-attention
S=@policy_kwargs.core.symmetries=false
M=@policy_kwargs.core.mixer=mlp
python -m benchmarks run --suite sudoku-4x4-minimal --seeds 0-2 --steps 45000 --points 1 --no-stage0 --workers 1 --out runs/told-4x4 \
    --algos "hindsight_trm,$K=discovered,$K=cells,$K=cells$S,$A,$A$S,$A$M,$A$M$S"
python -m benchmarks run --suite sudoku-4x4-minimal --seeds 0-2 --steps 180000 --points 1 --no-stage0 --workers 1 --out runs/told-4x4 --resume \
    --algos "hindsight_trm,$K=discovered,$K=cells"
python -m benchmarks report runs/told-4x4 --publish sudoku-4x4-minimal-told
