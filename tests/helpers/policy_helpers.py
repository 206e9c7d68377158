"""What several tests of the recursive policies share: small environments, and every algorithm with its policy."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from sb3_contrib import QRDQN, TRPO, MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, DQN, PPO

from trm_agents import REINFORCE
from trm_agents.recursive_policies import (
    RecursiveDQNPolicy,
    RecursiveMaskablePolicy,
    RecursivePolicy,
    RecursiveQRDQNPolicy,
    RecursiveRecurrentPolicy,
)

SIDE = 4
SMALL = {"h_dim": 8, "l_dim": 4, "k_cycles": 2}
ROLLOUT = {"n_steps": 8, "batch_size": 8}
REPLAY = {"learning_starts": 4, "buffer_size": 50, "batch_size": 4, "train_freq": 2}
PAIRS: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "PPO": (PPO, RecursivePolicy, {**ROLLOUT, "n_epochs": 1}),
    "A2C": (A2C, RecursivePolicy, {}),
    "REINFORCE": (REINFORCE, RecursivePolicy, {"n_episodes": 2}),
    "TRPO": (TRPO, RecursivePolicy, {**ROLLOUT, "cg_max_steps": 2, "n_critic_updates": 1}),
    "MaskablePPO": (MaskablePPO, RecursiveMaskablePolicy, {**ROLLOUT, "n_epochs": 1}),
    "RecurrentPPO": (RecurrentPPO, RecursiveRecurrentPolicy, {**ROLLOUT, "n_epochs": 1}),
    "DQN": (DQN, RecursiveDQNPolicy, REPLAY),
    "QRDQN": (QRDQN, RecursiveQRDQNPolicy, {**REPLAY}),
}


class Errand(gym.Env):
    """Any observation space, Discrete(4), four steps an episode; the reward is 1 for the action that is asked for.

    Observations are drawn at random. The action that is asked for is 0, and moving to 3 is illegal.
    """

    def __init__(self, space: spaces.Space[Any], n_actions: int = 4) -> None:
        self.observation_space, self.action_space = space, spaces.Discrete(n_actions)
        self.steps = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        if seed is not None:
            self.observation_space.seed(seed)
        self.steps = 0
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> Any:
        self.steps += 1
        return self.observation_space.sample(), float(action == 0), self.steps == 4, False, {}

    def action_masks(self) -> Any:
        return np.arange(self.action_space.n) != 3


def plans(n_cells: int = SIDE * SIDE, symbols: int = 1) -> dict[str, spaces.Space[Any]]:
    """The space of a plan-edit task whose plan is where an agent stands, or which symbols cells have."""
    return {
        "instance": spaces.Box(0, 3, (n_cells,), np.int8),
        "plan": spaces.Box(0, symbols, (n_cells,), np.int8),
        "remaining_edits": spaces.Box(0, 16, (1,), np.int32),
    }


SPACES: dict[str, spaces.Space[Any]] = {
    "box": spaces.Box(-1, 1, (5,), np.float32),
    "discrete": spaces.Discrete(7),
    "dict": spaces.Dict({"a": spaces.Box(-1, 1, (3,), np.float32), "b": spaces.Discrete(3)}),
    "planes": spaces.Box(0, 1, (3, SIDE, SIDE), np.float32),
    "image": spaces.Box(0, 255, (36, 36, 3), np.uint8),
    "plans": spaces.Dict(plans()),
    "previous": spaces.Dict(
        {"observation": spaces.Box(-1, 1, (5,), np.float32), "previous_action": spaces.Discrete(5)}
    ),
}


def make(algorithm: str = "PPO", space: str | spaces.Space[Any] = "box", *, n_actions: int = 4, seed: int = 0, **words):
    """A small model of an algorithm on an observation space."""
    kind, policy, keywords = PAIRS[algorithm]
    env = Errand(SPACES[space] if isinstance(space, str) else space, n_actions)
    words = {**SMALL, **words}
    if algorithm == "QRDQN":
        words["n_quantiles"] = 5
    return kind(policy, env, seed=seed, device="cpu", policy_kwargs=words, **keywords)


def observations(model, count: int = 6, seed: int = 3) -> Any:
    """Some observations of a model's environment, as `predict` takes them."""
    space = model.get_env().observation_space
    space.seed(seed)
    samples = [space.sample() for _ in range(count)]
    if isinstance(space, spaces.Dict):
        return {key: np.stack([sample[key] for sample in samples]) for key in samples[0]}
    return np.stack(samples)


def outputs(model, observed: Any, *, predicting: bool = False) -> Any:
    """What the network of a model reads of observations, (B, ...), as when it acts or as `predict` does."""
    import torch
    from stable_baselines3.common.preprocessing import preprocess_obs

    tensors = model.policy.obs_to_tensor(observed)[0]
    seen = preprocess_obs(tensors, model.observation_space)
    network = model.policy.readings
    network.halts = predicting
    with torch.no_grad():
        read = network(seen)
    network.halts = False
    return read


def steep(model, seed: int = 1, scale: float = 0.5):
    """The model with random heads: fresh ones read nothing."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.policy.readings.named_parameters():
            if "head" in name or name.startswith("halt"):
                weight.add_(scale * torch.randn(weight.shape, generator=generator))
    return model
