"""PPO in MiniGrid as it comes: a recursive policy beside CNNs, at equal environment steps and with the same settings.

Needs the extra `minigrid`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import torch
from minigrid.wrappers import FullyObsWrapper, ImgObsWrapper
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.policies import ActorCriticCnnPolicy, ActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from trm_agents.recursive_policies import RecursivePolicy

ENVS = ("MiniGrid-MultiRoom-N2-S4-v0", "MiniGrid-FourRooms-v0")
HELD_OUT = 2**30
"""Episodes that are scored are seeded from here on; training draws its own from a seed below."""
EPISODES = 512
VIEWS = ("partial", "full")
"""The seven by seven cells before the agent, as MiniGrid has it, or all cells, with the agent among them."""
SETTINGS: Mapping[str, Any] = {
    "n_steps": 128,
    "batch_size": 256,
    "n_epochs": 4,
    "learning_rate": 1e-3,
    "ent_coef": 0.01,
    "device": "cpu",
}
"""Of PPO, for all policies; none was tuned."""
N_ENVS = 16


class SmallCNN(BaseFeaturesExtractor):
    """Three layers of 2x2 convolutions, as NatureCNN takes no grid of 7 cells: the shape that MiniGrid's pages suggest.

    Args:
        space: images, channels first.
        features_dim: outputs.
        channels: of each layer.
    """

    def __init__(
        self, space: gym.spaces.Box, features_dim: int = 128, channels: tuple[int, ...] = (16, 32, 64)
    ) -> None:
        super().__init__(space, features_dim)
        layers: list[nn.Module] = []
        for before, after in zip((space.shape[0], *channels), channels, strict=False):
            layers += [nn.Conv2d(before, after, 2), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Flatten())
        with torch.no_grad():
            flat = self.layers(torch.zeros(1, *space.shape)).shape[1]
        self.head = nn.Sequential(nn.Linear(flat, features_dim), nn.ReLU())

    def forward(self, observations: Tensor) -> Tensor:
        """Images (B, C, H, W) -> (B, features_dim)."""
        features: Tensor = self.head(self.layers(observations))
        return features


# Cells are codes from 0 to 10: divided by 255, as pixels are, they would hardly differ.
_CODES = {"normalize_images": False}
_CNN = {**_CODES, "features_extractor_class": SmallCNN}
_SMALL = {"features_dim": 32, "channels": (16, 16, 16)}
POLICIES: Mapping[str, tuple[type[ActorCriticPolicy], Mapping[str, Any]]] = {
    "recursive": (RecursivePolicy, {**_CODES, "mixer": "conv", "h_dim": 16, "l_dim": 16}),
    "cnn": (ActorCriticCnnPolicy, _CNN),
    "cnn-small": (ActorCriticCnnPolicy, {**_CNN, "features_extractor_kwargs": _SMALL, "net_arch": []}),
}
"""By name, with its keywords: three cycles of a recursion, a CNN, and one of about as many weights as the recursion."""


def seen(env_id: str, view: str) -> gym.Env[Any, Any]:
    """A MiniGrid environment whose observation is the cells of one of the `VIEWS`, and nothing else."""
    whole: Callable[[Any], gym.Env[Any, Any]] = FullyObsWrapper
    alone: Callable[[Any], gym.Env[Any, Any]] = ImgObsWrapper
    env = gym.make(env_id)
    return alone(whole(env) if view == "full" else env)


class Measured(NamedTuple):
    """What a trained policy reaches on held-out episodes."""

    weights: int
    solved: int
    """Episodes that reached the goal, by the likeliest actions."""
    solved_sampled: int
    """The same with actions drawn from the policy."""
    cpu_seconds: float
    """Of training."""


def measured(env_id: str, view: str, policy: str, seed: int, steps: int, episodes: int) -> Measured:
    """Train a policy and score it.

    Args:
        env_id: a MiniGrid environment.
        view: one of `VIEWS`.
        policy: key of `POLICIES`.
        seed: of weights, environments and actions.
        steps: environment steps, rounded up to whole rollouts.
        episodes: that are scored, each with a seed of its own.
    """
    env = make_vec_env(partial(seen, env_id, view), N_ENVS, seed=seed)
    kind, words = POLICIES[policy]
    model = PPO(kind, env, seed=seed, policy_kwargs=dict(words), **SETTINGS)
    begun = time.process_time()
    model.learn(steps)
    spent = time.process_time() - begun
    weights = sum(weight.numel() for weight in model.policy.parameters())
    greedy, sampled = (_solved(model, env_id, view, episodes, likeliest) for likeliest in (True, False))
    return Measured(weights, greedy, sampled, spent)


def _solved(model: PPO, env_id: str, view: str, episodes: int, greedy: bool) -> int:
    """How many of the held-out episodes reach the goal, which alone gives a reward."""
    reached = 0
    for begin in range(0, episodes, N_ENVS):
        seeds = range(HELD_OUT + begin, HELD_OUT + min(begin + N_ENVS, episodes))
        envs = [seen(env_id, view) for _ in seeds]
        found = [env.reset(seed=seed)[0] for env, seed in zip(envs, seeds, strict=True)]
        going = list(range(len(envs)))
        while going:
            actions, _ = model.predict(np.stack([found[index] for index in going]), deterministic=greedy)
            left = []
            for index, action in zip(going, actions, strict=True):
                found[index], reward, terminated, truncated, _ = envs[index].step(int(action))
                reached += float(reward) > 0.0
                if not (terminated or truncated):
                    left.append(index)
            going = left
    return reached
