#!/usr/bin/env bash
# No pool has puzzles with 5 blanks: six are generated.
set -euo pipefail
python - > five.txt <<'PUZZLES'
import gymnasium as gym, trm_envs
env = gym.make("SudokuPlanEdit-4x4-v0", blanks=(5, 5), generate=True)
for seed in range(6):
    print("".join(map(str, env.reset(seed=seed)[0]["instance"].ravel())))
PUZZLES
python -m benchmarks certify zoo:upi-trm-sudoku-4x4 --env SudokuPlanEdit-4x4-v0 --puzzles five.txt --blanks 5 \
    --instances 6 --max-states 200000 --name "zoo:upi-trm-sudoku-4x4, 5 blanks" --csv closures-5.csv
