"""Policies for SB3's PPO, A2C and DQN, and for sb3-contrib's MaskablePPO, on the same recursive network as UPI-TRM.

They differ from `MlpPolicy` in the network alone: no lookahead, the same facts in the observation.
"""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.type_aliases import Schedule
from stable_baselines3.dqn.policies import DQNPolicy, QNetwork
from torch import Tensor, nn

from trm_agents.recursion import token_network
from trm_envs.plan_edit.mdp import PlanEditMDP


class RecursiveReadout(BaseFeaturesExtractor):
    """Action logits and value of `trm_agents.recursion.token_network`, side by side: shape (B, n_actions + 1).

    Args:
        observation_space: of a plan-editing environment.
        mdp: its MDP.
        network: keywords of `token_network`: width, unroll, radius, ...
    """

    def __init__(self, observation_space: spaces.Space[Any], mdp: PlanEditMDP, **network: Any) -> None:
        super().__init__(observation_space, mdp.n_actions + 1)
        self.network = token_network(mdp, **network)

    def forward(self, observation: dict[str, Tensor]) -> Tensor:
        """Batched observation -> (B, n_actions + 1); the value comes last."""
        output = self.network(observation)
        return torch.cat([output.logits, output.value.unsqueeze(1)], dim=1)


class Split(nn.Module):
    """Takes the place of SB3's `MlpExtractor`: hands the logits to the actor and the value to the critic."""

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(B, n_actions + 1) -> (B, n_actions), (B, 1)."""
        return self.forward_actor(features), self.forward_critic(features)

    def forward_actor(self, features: Tensor) -> Tensor:
        """(B, n_actions + 1) -> (B, n_actions)."""
        return features[:, :-1]

    def forward_critic(self, features: Tensor) -> Tensor:
        """(B, n_actions + 1) -> (B, 1)."""
        return features[:, -1:]


class ReadFromOneNetwork:
    """Makes an SB3 actor-critic policy read actor and critic from one recursive network.

    A mixin: the attributes below are those of the SB3 policy beside it.

    Nothing is learned behind the network's own heads, which keep their own (zero) initialisation.

    Args:
        args, kwargs: as in the policy; `features_extractor_kwargs` must hold `mdp` and may hold keywords of
            `token_network`.
    """

    mlp_extractor: Any
    action_net: Any
    value_net: Any
    optimizer: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"features_extractor_class": RecursiveReadout, **kwargs})

    def _build(self, lr_schedule: Schedule) -> None:
        policy: Any = self
        self.mlp_extractor = Split()
        self.action_net = self.value_net = nn.Identity()
        self.optimizer = policy.optimizer_class(policy.parameters(), lr=lr_schedule(1), **policy.optimizer_kwargs)


class RecursiveActorCriticPolicy(ReadFromOneNetwork, ActorCriticPolicy):
    """For PPO and A2C."""


class RecursiveMaskableActorCriticPolicy(ReadFromOneNetwork, MaskableActorCriticPolicy):
    """For MaskablePPO."""


class RecursiveQNetwork(QNetwork):
    """Q(s, a) = V(s) + logit(s, a) - mean over a of logit(s, .): the dueling readout of the two heads."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.q_net = nn.Sequential()

    def forward(self, observation: Any) -> Tensor:
        """Batched observation -> (B, n_actions)."""
        features = self.extract_features(observation, self.features_extractor)
        logits, value = features[:, :-1], features[:, -1:]
        return value + logits - logits.mean(dim=1, keepdim=True)


class RecursiveDQNPolicy(DQNPolicy):
    """Q values read from the recursive network: for DQN.

    Args:
        observation_space, action_space, lr_schedule: as in `DQNPolicy`.
        features_extractor_class: the recursive network.
        kwargs: as in `DQNPolicy`; `features_extractor_kwargs` must hold `mdp` and may hold keywords of
            `token_network`.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Discrete,
        lr_schedule: Schedule,
        features_extractor_class: type[BaseFeaturesExtractor] = RecursiveReadout,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            observation_space,
            action_space,
            lr_schedule,
            features_extractor_class=features_extractor_class,
            **kwargs,
        )

    def make_q_net(self) -> QNetwork:
        """One Q network with a recursive network of its own."""
        net_args = self._update_features_extractor(self.net_args, features_extractor=None)
        return RecursiveQNetwork(**net_args).to(self.device)
