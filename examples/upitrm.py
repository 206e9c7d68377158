"""UPI-TRM, the published method: learn Sudoku from a checker alone, save, load, and solve held-out puzzles.

python examples/upitrm.py --steps 6000
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import gymnasium as gym
import torch
from gymnasium.vector import AutoresetMode

import trm_envs
from trm_agents import UPITRM, Distilled, KStep

gym.register_envs(trm_envs)


def main() -> None:
    """Train, save, load and play held-out puzzles."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default="SudokuPlanEdit-4x4-v0", help="an id of trm_envs.ENVIRONMENTS but MazeWalk")
    parser.add_argument("--steps", type=int, default=6_000, help="environment steps")
    parser.add_argument("--puzzles", type=int, default=100, help="held-out puzzles to play")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)

    vector_env = gym.make_vec(args.env, num_envs=16, autoreset_mode=AutoresetMode.SAME_STEP)
    # An iteration: K-step targets, values of all edits, half of which are the checker's, and a conservative step.
    model = UPITRM("TRMPolicy", vector_env, target=KStep(8), checker_weight=0.5, mixture=Distilled(0.5), seed=args.seed)
    model.learn(args.steps)
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model")
        model = UPITRM.load(Path(folder) / "model")

    env = gym.make(args.env, split="test", render_mode="ansi")
    observation, info = env.reset(seed=args.seed)
    solved = 0
    for _ in range(args.puzzles):
        done = False
        while not done:
            # The policy holds the model of the puzzle: what it predicts is always a legal edit.
            action, _ = model.predict(observation, deterministic=True)
            observation, _, done, _, info = env.step(action)
        solved += info["is_success"]
        last = env.render()
        observation, info = env.reset()
    print(last)
    print(f"UPI-TRM solved {solved} of {args.puzzles} held-out puzzles of {args.env} after {args.steps} steps")


if __name__ == "__main__":
    main()
