#!/usr/bin/env bash
set -euo pipefail
# The two cores of the machine had other work too.
OUT=benchmarks/published/minigrid.jsonl
python -m benchmarks minigrid --out $OUT --envs MiniGrid-MultiRoom-N2-S4-v0 --seeds 0-2 --steps 120000
python -m benchmarks minigrid --out $OUT --envs MiniGrid-FourRooms-v0 --seeds 0-2 --steps 120000
python -m benchmarks minigrid --out $OUT --envs MiniGrid-FourRooms-v0 --seeds 0-2 --steps 60000 --views full
python -m benchmarks minigrid --out $OUT --envs MiniGrid-MultiRoom-N2-S4-v0 --seeds 0-2 --steps 60000 --views full
python -m benchmarks results --seal
