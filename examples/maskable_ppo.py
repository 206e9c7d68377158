"""sb3-contrib's MaskablePPO: illegal edits are never sampled; the Dict observation goes in as it is.

python examples/maskable_ppo.py --steps 200000
"""

from __future__ import annotations

import argparse

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from sb3_contrib import MaskablePPO
from stable_baselines3.common.vec_env import VecMonitor

import trm_envs
from trm_agents.common.vec_env import VectorEnvAdapter

gym.register_envs(trm_envs)

ENV = "SudokuPlanEdit-4x4-v0"
# The mask at this level also rules out digits that a row, column or box holds already: a strong hint.
OPTIONS = {"blanks": (1, 4), "legal_actions": "consistent"}


def main() -> None:
    """Train on the training split, then play validation puzzles."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200_000, help="environment steps to train for")
    parser.add_argument("--num-envs", type=int, default=64)
    parser.add_argument("--episodes", type=int, default=50, help="validation episodes")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)  # Small networks run fastest on one thread.

    vector = gym.make_vec(ENV, num_envs=args.num_envs, autoreset_mode=AutoresetMode.SAME_STEP, **OPTIONS)
    # The adapter passes `action_masks()` on, which is where MaskablePPO asks for the legal actions.
    env = VecMonitor(VectorEnvAdapter(vector))
    model = MaskablePPO("MultiInputPolicy", env, n_steps=32, batch_size=256, gamma=0.99, seed=args.seed, device="cpu")
    model.learn(args.steps)

    validation = gym.make(ENV, split="validation", **OPTIONS)
    observation, info = validation.reset(seed=args.seed)
    solved: list[bool] = []
    while len(solved) < args.episodes:
        action, _ = model.predict(observation, action_masks=info["action_mask"].astype(np.bool_), deterministic=True)
        observation, _, terminated, _, info = validation.step(action)
        if terminated:
            solved.append(info["is_success"])
            observation, info = validation.reset()
    print(f"MaskablePPO solved {sum(solved)} of {len(solved)} validation puzzles after {model.num_timesteps} steps")


if __name__ == "__main__":
    main()
