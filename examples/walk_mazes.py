"""PPO with a recursive policy walks through mazes that it has not seen: learned in two minutes, from rewards alone.

python examples/walk_mazes.py --steps 120000

A pass of the network takes 64 cycles, and gradients flow through the last 16. At test time it may take more: they cost
time, and the weights are the same.
"""

from __future__ import annotations

import argparse

import gymnasium as gym
import torch
from gymnasium.vector import AutoresetMode
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecMonitor

import trm_envs
from trm_agents import RecursivePolicy
from trm_agents.common.vec_env import VectorEnvAdapter
from trm_agents.recursive_policies import WholeRollouts

gym.register_envs(trm_envs)

ENV = "MazeWalk-7x7-v0"
POLICY = {
    "mixer": "exact_cover",  # the cells of a maze hear their four neighbours
    "maxima": 0.5,  # sums over them in half of the channels, maxima in the others
    "h_dim": 16,
    "n_h_layers": 1,
    "k_cycles": 64,
    "gradient_cycles": 16,
}


def solved(model: PPO, env: gym.Env, episodes: int) -> str:
    """How many of the first mazes of an environment the greedy policy walks through."""
    ends: list[bool] = []
    evaluate_policy(
        model,
        env,
        n_eval_episodes=episodes,
        callback=lambda scope, _: ends.append(scope["info"]["is_success"]) if scope["done"] else None,
        warn=False,
    )
    return f"{sum(ends)} of {len(ends)}"


def main() -> None:
    """Train on the training split, then walk through validation mazes with as many cycles and with twice as many."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=120_000, help="environment steps to train for")
    parser.add_argument("--episodes", type=int, default=100, help="validation mazes")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)  # Small networks run fastest on one thread.

    walk = {"ends": "any", "step_cost": 0.01, "bump_cost": 0.02}
    # SB3 wants episodes to restart in the step that ends them.
    vector = gym.make_vec(ENV, num_envs=64, autoreset_mode=AutoresetMode.SAME_STEP, **walk)
    model = PPO(
        RecursivePolicy,
        VecMonitor(VectorEnvAdapter(vector)),
        learning_rate=LinearSchedule(4e-3, 3e-4, 1.0),
        n_steps=16,
        batch_size=256,
        n_epochs=4,
        gamma=0.97,
        gae_lambda=0.9,
        ent_coef=0.01,
        rollout_buffer_class=WholeRollouts,
        policy_kwargs=POLICY,
        seed=args.seed,
        device="cpu",
    )
    model.learn(args.steps, progress_bar=True)

    validation = gym.make(ENV, split="validation", **walk)
    for cycles in (64, 128):
        validation.reset(seed=args.seed)
        model.policy.unroll = cycles
        print(f"{cycles} cycles: solved {solved(model, validation, args.episodes)} validation mazes")


if __name__ == "__main__":
    main()
