"""Recursive policies for actor-critics: PPO, A2C, TRPO, REINFORCE, and sb3-contrib's MaskablePPO."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.distributions import DiagGaussianDistribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.preprocessing import preprocess_obs
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.type_aliases import Schedule
from torch import Tensor, nn

from trm_agents.recursive_policies.averaging import Averages
from trm_agents.recursive_policies.extractor import Readings, RecursiveExtractor
from trm_agents.recursive_policies.options import Options, cycle_weights, taken
from trm_agents.recursive_policies.sharing import shared_distribution
from trm_envs.instances.numbers import whole
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates

Space = spaces.Space[Any]


def outputs_of(action_space: Space) -> int:
    """Numbers that a distribution over these actions takes.

    Raises:
        ValueError: there is no such distribution.
    """
    if isinstance(action_space, spaces.Discrete):
        return int(action_space.n)
    if isinstance(action_space, spaces.MultiDiscrete):
        return int(action_space.nvec.sum())
    if isinstance(action_space, spaces.Box | spaces.MultiBinary) and len(action_space.shape) == 1:
        return action_space.shape[0]
    raise ValueError(f"recursive policies have no distribution over {action_space}")


class Split(nn.Module):
    """Takes the place of SB3's `MlpExtractor`: hands outputs to the actor, and the last cycle's value to the critic."""

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(B, n + 1) -> (B, n), (B, 1), or (B, K, n + 1) -> (B, K, n), (B, 1)."""
        return self.forward_actor(features), self.forward_critic(features)

    def forward_actor(self, features: Tensor) -> Tensor:
        """(B, n + 1) -> (B, n), or (B, K, n + 1) -> (B, K, n)."""
        return features[..., :-1]

    def forward_critic(self, features: Tensor) -> Tensor:
        """(B, n + 1) or (B, K, n + 1) -> (B, 1)."""
        return features[:, -1:] if features.ndim == 2 else features[:, -1, -1:]


class ReadsRecursion:
    """What all recursive policies share, whatever algorithm they are for.

    A mixin: the attributes below are those of the SB3 policy beside it.

    Args:
        args: as in the policy.
        features_extractor_class: the kind of network, a subclass of `Readings`.
        features_extractor_kwargs: its keywords.
        kwargs: keywords of `Options`, and those of the policy.
    """

    mixes = True
    """Whether outputs are logits of probabilities."""
    action_space: Any
    observation_space: Any
    optimizer: torch.optim.Optimizer
    features_extractor_class: type[BaseFeaturesExtractor]
    features_extractor_kwargs: dict[str, Any]

    def __init__(
        self,
        *args: Any,
        features_extractor_class: type[BaseFeaturesExtractor] = RecursiveExtractor,
        features_extractor_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        keywords = {**(features_extractor_kwargs or {}), **taken(kwargs)}
        policy: Any = super()
        policy.__init__(
            *args, features_extractor_class=features_extractor_class, features_extractor_kwargs=keywords, **kwargs
        )
        decay = self.readings.options.ema
        self.averages = None if decay is None else Averages(self.readings, decay, self.optimizer)

    @property
    def readings(self) -> Readings:
        """The network that acts."""
        raise NotImplementedError

    @property
    def options(self) -> Options:
        """What the network is made of."""
        return self.readings.options

    @property
    def unroll(self) -> int:
        """Cycles of a pass that does not stop early: `k_cycles`, until others are set.

        More than in training are test-time compute. They are not saved with the policy, and learning takes them too.

        Raises:
            ValueError: it is set to something other than a whole number of at least 1.
        """
        return self.readings.network.unroll

    @unroll.setter
    def unroll(self, cycles: int) -> None:
        self.readings.network.unroll = whole("unroll", cycles, 1)

    def outputs(self) -> int:
        """Numbers that are read for the actions."""
        return outputs_of(self.action_space)

    def make_features_extractor(self) -> BaseFeaturesExtractor:
        """A new network."""
        n_actions = int(self.action_space.n) if isinstance(self.action_space, spaces.Discrete) else None
        given: Any = self.features_extractor_class
        made: BaseFeaturesExtractor = given(
            self.observation_space,
            outputs=self.outputs(),
            n_actions=n_actions,
            mixes=self.mixes,
            **self.features_extractor_kwargs,
        )
        return made

    def predict(self, *args: Any, **kwargs: Any) -> tuple[NDArray[Any], tuple[NDArray[Any], ...] | None]:
        """As any SB3 policy; with averaged weights and with halting, where these are asked for."""
        policy: Any = super()
        with self._predicting():
            predicted: tuple[NDArray[Any], tuple[NDArray[Any], ...] | None] = policy.predict(*args, **kwargs)
        return predicted

    @contextmanager
    def _predicting(self) -> Iterator[None]:
        self.readings.halts = True
        try:
            if self.averages is None or not self.averages.n_averaged:
                yield
            else:
                with self.averages.used_by(self.readings):
                    yield
        finally:
            self.readings.halts = False


class ReadsActorCritic(ReadsRecursion):
    """Actor and critic read from one recursive network.

    Nothing is learned behind its own heads, which start at zero.
    """

    features_extractor: Any
    mlp_extractor: Any
    action_net: Any
    value_net: Any
    action_dist: Any
    log_std: nn.Parameter

    def __init__(self, *args: Any, use_sde: bool = False, **kwargs: Any) -> None:
        if use_sde:
            raise ValueError("recursive policies explore by their distribution alone: leave out use_sde")
        super().__init__(*args, **kwargs)

    @property
    def readings(self) -> Readings:
        """The network that acts."""
        network: Readings = self.features_extractor
        return network

    def _build(self, lr_schedule: Schedule) -> None:
        policy: Any = self
        if self.options.halting == "learned" and not isinstance(self.action_space, spaces.Discrete):
            raise ValueError(
                "halting='learned' needs Discrete actions: a mixture of other distributions is none of them"
            )
        self.mlp_extractor = Split()
        self.action_net = self.value_net = nn.Identity()
        if isinstance(self.action_dist, DiagGaussianDistribution):
            self.log_std = nn.Parameter(torch.full((self.outputs(),), float(policy.log_std_init)))
        self.optimizer = policy.optimizer_class(policy.parameters(), lr=lr_schedule(1), **policy.optimizer_kwargs)

    def _get_action_dist_from_latent(self, latent_pi: Tensor) -> Any:
        """The distribution of (B, n) parameters, or of (B, K, n), which all cycles learn from."""
        policy: Any = super()
        if latent_pi.ndim == 2:
            return policy._get_action_dist_from_latent(latent_pi)
        gaussian = isinstance(self.action_dist, DiagGaussianDistribution)
        keywords = [
            {"mean_actions": each, "log_std": self.log_std} if gaussian else {"action_logits": each}
            for each in latent_pi.unbind(1)
        ]
        return shared_distribution(self.action_dist, keywords, cycle_weights(len(keywords)))

    def cycle_logits(self, observation: Any, cycles: int | None = None) -> NDArray[np.float32]:
        """Outputs of the actor after every cycle, shape (K, B, n).

        Args:
            observation: as `predict` takes it.
            cycles: K; None: as many as a pass takes.
        """
        return self._by_cycle(observation, cycles)[:, :, :-1]

    def cycle_values(self, observation: Any, cycles: int | None = None) -> NDArray[np.float32]:
        """Values after every cycle, shape (K, B); arguments as in `cycle_logits`."""
        return self._by_cycle(observation, cycles)[:, :, -1]

    @torch.no_grad()
    def _by_cycle(self, observation: Any, cycles: int | None) -> NDArray[np.float32]:
        policy: Any = self
        policy.set_training_mode(False)
        tensors = policy.obs_to_tensor(observation)[0]
        seen = preprocess_obs(tensors, self.observation_space, normalize_images=policy.normalize_images)
        latents = self.readings.network.run(seen, unroll=cycles).latents
        return np.asarray(torch.stack([self.readings.read(latent, seen) for latent in latents]).cpu().numpy())


class RecursivePolicy(ReadsActorCritic, ActorCriticPolicy):
    """For PPO, A2C, sb3-contrib's TRPO and `trm_agents.REINFORCE`."""


class RecursiveMaskablePolicy(ReadsActorCritic, MaskableActorCriticPolicy):
    """For sb3-contrib's MaskablePPO."""


def masks_for(policy: object, mdp: PlanEditMDP, states: PlanStates) -> dict[str, NDArray[np.bool_]]:
    """The keyword `action_masks` of `predict`, for a policy that takes it; none for others."""
    return {"action_masks": mdp.action_mask(states)} if isinstance(policy, RecursiveMaskablePolicy) else {}
