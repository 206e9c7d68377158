"""HindsightTRM: learn Sudoku from a checker alone, save, load, and solve puzzles that were not trained on.

python examples/hindsight_trm.py --steps 8000
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import gymnasium as gym
import torch
from gymnasium.vector import AutoresetMode

import trm_envs
from trm_agents import Attempts, HindsightTRM, presets

gym.register_envs(trm_envs)

ENV, BLANKS = "SudokuPlanEdit-4x4-v0", "minimal"


def main() -> None:
    """Train, save and load; play held-out puzzles, then solve them with test-time compute."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=8_000, help="environment steps")
    parser.add_argument("--puzzles", type=int, default=100, help="held-out puzzles to play")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)  # Small networks run fastest on one thread.

    vector_env = gym.make_vec(ENV, num_envs=50, autoreset_mode=AutoresetMode.SAME_STEP, blanks=BLANKS)
    model = HindsightTRM("TokenPolicy", vector_env, seed=args.seed, **presets.SMALL)
    model.learn(args.steps)
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model")
        model = HindsightTRM.load(Path(folder) / "model")

    # The policy alone: one pass of the network an edit.
    env = gym.make(ENV, split="test", blanks=BLANKS)
    solved = 0
    for number in range(args.puzzles):
        observation, info = env.reset(seed=args.seed if number == 0 else None)
        done = False
        while not done:
            action, _ = model.predict(observation, deterministic=True)
            observation, _, done, _, info = env.step(action)
        solved += info["is_success"]
    print(f"HindsightTRM solved {solved} of {args.puzzles} held-out puzzles after {args.steps} steps")

    # A solver decodes whole plans in deeper passes, shows them to the checker, and counts what that costs.
    instances = env.get_wrapper_attr("source").instances[: args.puzzles]
    found = Attempts(model, attempts=15, unroll=16).solve(instances)
    print(
        f"Attempts solved {found.solved.sum()} of {len(instances)} with {found.calls.mean():.1f} network calls and "
        f"{found.checks.mean():.1f} checks a puzzle"
    )


if __name__ == "__main__":
    main()
