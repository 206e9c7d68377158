"""Stable-Baselines3's PPO on the native vector environment, with one-hot observations for its MLP.

python examples/sb3_ppo.py --steps 200000
"""

from __future__ import annotations

import argparse

import gymnasium as gym
import torch
from gymnasium.vector import AutoresetMode
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecMonitor

import trm_envs
from trm_agents.common.vec_env import VectorEnvAdapter
from trm_envs.wrappers import OneHotObservation, OneHotVectorObservation

gym.register_envs(trm_envs)

ENV = "SudokuPlanEdit-4x4-v0"


def main() -> None:
    """Train on the training split, then play validation puzzles."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200_000, help="environment steps to train for")
    parser.add_argument("--num-envs", type=int, default=64)
    parser.add_argument("--episodes", type=int, default=50, help="validation episodes")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)  # Small networks run fastest on one thread.

    # SB3 wants episodes to restart in the step that ends them.
    vector = gym.make_vec(ENV, num_envs=args.num_envs, autoreset_mode=AutoresetMode.SAME_STEP, blanks=(1, 4))
    env = VecMonitor(VectorEnvAdapter(OneHotVectorObservation(vector)))
    model = PPO("MlpPolicy", env, n_steps=32, batch_size=256, gamma=0.99, seed=args.seed, device="cpu")
    model.learn(args.steps)

    validation = OneHotObservation(gym.make(ENV, blanks=(1, 4), split="validation"))
    validation.reset(seed=args.seed)
    solved = []
    evaluate_policy(
        model,
        validation,
        n_eval_episodes=args.episodes,
        callback=lambda scope, _: solved.append(scope["info"]["is_success"]) if scope["done"] else None,
        warn=False,
    )
    print(f"PPO solved {sum(solved)} of {len(solved)} validation puzzles after {model.num_timesteps} steps")


if __name__ == "__main__":
    main()
