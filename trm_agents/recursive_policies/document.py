"""Two policies of other work, under its names and with its defaults: a recursive one, and what it is compared with."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import CombinedExtractor, FlattenExtractor
from torch import nn

from trm_agents.recursive_policies.encoders import PREVIOUS
from trm_agents.recursive_policies.policies import RecursivePolicy


class TRMPolicy(RecursivePolicy):
    """A `RecursivePolicy` that is conditioned on the previous action.

    K = 3 cycles of two layers of h (64 channels) and one of l (32 channels) are the defaults of both. For PPO, A2C,
    TRPO and `trm_agents.REINFORCE`.

    Args:
        args, kwargs: as for `RecursivePolicy`.
        action_conditioning: whether the previous action is an input; the environment needs
            `trm_envs.wrappers.PreviousActionObservation`.
    """

    def __init__(self, *args: Any, action_conditioning: bool = True, **kwargs: Any) -> None:
        kept = kwargs.pop("features_extractor_kwargs", None) or {}
        keywords = {"action_conditioning": action_conditioning, **kept}
        super().__init__(*args, features_extractor_kwargs=keywords, **kwargs)

    @classmethod
    def of(
        cls, state_dim: int = 25, action_dim: int = 4, *, action_conditioning: bool = True, **words: Any
    ) -> TRMPolicy:
        """A policy of its own, without an environment.

        Args:
            state_dim: numbers of a state.
            action_dim: actions.
            action_conditioning: whether observations have a `previous_action` beside the `observation`.
            words: keywords of `Options`.
        """
        state: spaces.Space[Any] = spaces.Box(-np.inf, np.inf, (state_dim,), np.float32)
        if action_conditioning:
            state = spaces.Dict({"observation": state, PREVIOUS: spaces.Discrete(action_dim + 1)})
        return cls(state, spaces.Discrete(action_dim), lambda _: 2e-3, action_conditioning=action_conditioning, **words)


class MLPPolicy(ActorCriticPolicy):
    """Two hidden layers of rectifiers for the actor, and two for the critic.

    Args:
        observation_space, args, kwargs: as for SB3's `ActorCriticPolicy`.
        hidden: units of a layer.
    """

    def __init__(self, observation_space: spaces.Space[Any], *args: Any, hidden: int = 128, **kwargs: Any) -> None:
        layers = {"net_arch": {"pi": 2 * [hidden], "vf": 2 * [hidden]}, "activation_fn": nn.ReLU}
        reads = CombinedExtractor if isinstance(observation_space, spaces.Dict) else FlattenExtractor
        super().__init__(observation_space, *args, **{"features_extractor_class": reads, **layers, **kwargs})

    @classmethod
    def of(cls, state_dim: int = 25, action_dim: int = 4, *, hidden: int = 128) -> MLPPolicy:
        """A policy of its own, without an environment."""
        state = spaces.Box(-np.inf, np.inf, (state_dim,), np.float32)
        return cls(state, spaces.Discrete(action_dim), lambda _: 2e-3, hidden=hidden)
