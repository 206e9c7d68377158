#!/usr/bin/env bash
set -euo pipefail
# The two cores of the machine had other work too.
python -m benchmarks minigrid --out benchmarks/published/minigrid.jsonl --envs MiniGrid-MultiRoom-N2-S4-v0 --seeds 0-2 --steps 120000
python -m benchmarks results --seal
