"""Gymnasium alone: a checker-greedy player that looks one edit ahead through the environment's own model.

python examples/plain_gymnasium.py --steps 2000
"""

from __future__ import annotations

import argparse

import gymnasium as gym
import numpy as np

import trm_envs
from trm_envs.plan_edit.spaces import states_of

gym.register_envs(trm_envs)


def main() -> None:
    """Play until the steps are used up and print the share of solved puzzles."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default="SudokuPlanEdit-4x4-v0", help="any id of trm_envs.ENVIRONMENTS")
    parser.add_argument("--steps", type=int, default=2_000, help="environment steps")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    env = gym.make(args.env, render_mode="ansi")
    mdp: trm_envs.PlanEditMDP = env.get_wrapper_attr("mdp")
    rng = np.random.default_rng(args.seed)
    observation, info = env.reset(seed=args.seed)
    episodes = solved = 0
    for _ in range(args.steps):
        # The same transition function that `env.step` calls, on every legal action at once.
        successors = mdp.successors(states_of({key: value[None] for key, value in observation.items()}))
        best = np.flatnonzero(successors.transition.rewards == successors.transition.rewards.max())
        observation, _, terminated, _, info = env.step(successors.actions[rng.choice(best)])
        if terminated:
            episodes += 1
            solved += info["is_success"]
            last = env.render()
            observation, info = env.reset()
    if episodes:
        print(last)
        print(f"checker-greedy solved {solved} of {episodes} puzzles of {args.env}")


if __name__ == "__main__":
    main()
