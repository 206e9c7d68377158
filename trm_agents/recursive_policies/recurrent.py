"""A recursive policy for sb3-contrib's RecurrentPPO: latents go on from move to move."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.distributions import Distribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.preprocessing import preprocess_obs
from torch import Tensor
from torch.nn import functional

from trm_agents.recursion import TwoLevelCore
from trm_agents.recursive_policies.policies import ReadsActorCritic

States = tuple[Tensor, ...]
"""What sb3-contrib keeps as hidden and cell state of an LSTM: h and l, each (1, B, size)."""


class LatentSize(NamedTuple):
    """What sb3-contrib reads of an LSTM to lay out its buffer."""

    hidden_size: int
    num_layers: int = 1


class WithoutLSTM(RecurrentActorCriticPolicy):
    """The interface of sb3-contrib's recurrent policies alone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # The class above this one would build LSTMs, of no use here.
        ActorCriticPolicy.__init__(self, *args, **kwargs)


class RecursiveRecurrentPolicy(ReadsActorCritic, WithoutLSTM):
    """For sb3-contrib's RecurrentPPO: a pass begins with the latent of the move before, and gradients flow through it.

    The h and the l of all tokens stand where an LSTM has its hidden and its cell state, filled up with zeros to the
    size of the larger one. Actor and critic share them. l is used with `carry` alone, as within a pass.

    Args:
        args, kwargs: as for `RecursivePolicy`.

    Raises:
        ValueError: the network is no two-level one, or passes are to halt or gradients to be cut off.
    """

    lstm_actor: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        core = self.readings.network.core
        words = (self.options.halting, self.options.gradient_cycles)
        if not isinstance(core, TwoLevelCore) or words != (None, None):
            raise ValueError(
                "RecursiveRecurrentPolicy carries the latents of a two-level recursion, and gradients flow through all "
                "of it: leave out halting and gradient_cycles"
            )
        self.core = core
        self.lstm_actor = LatentSize(core.n_tokens * max(core.h_dim, core.l_dim))
        self.lstm_hidden_state_shape = (1, 1, self.lstm_actor.hidden_size)

    def forward(  # type: ignore[override]
        self, obs: Any, lstm_states: RNNStates, episode_starts: Tensor, deterministic: bool = False
    ) -> tuple[Tensor, Tensor, Tensor, RNNStates]:
        """Actions, values, log-probabilities and the next states."""
        features, states = self._carried(obs, lstm_states.pi, episode_starts)
        distribution = self._get_action_dist_from_latent(self.mlp_extractor.forward_actor(features))
        actions = distribution.get_actions(deterministic=deterministic)
        log_prob = distribution.log_prob(actions)
        actions = actions.reshape((-1, *self.action_space.shape))
        return actions, self.mlp_extractor.forward_critic(features), log_prob, RNNStates(states, states)

    def get_distribution(  # type: ignore[override]
        self, obs: Any, lstm_states: States, episode_starts: Tensor
    ) -> tuple[Distribution, tuple[Tensor, ...]]:
        """The distribution of the actions, and the next states."""
        features, states = self._carried(obs, lstm_states, episode_starts)
        return self._get_action_dist_from_latent(self.mlp_extractor.forward_actor(features)), states

    def predict_values(  # type: ignore[override]
        self, obs: Any, lstm_states: States, episode_starts: Tensor
    ) -> Tensor:
        """Values, (B, 1)."""
        values: Tensor = self.mlp_extractor.forward_critic(self._carried(obs, lstm_states, episode_starts)[0])
        return values

    def evaluate_actions(  # type: ignore[override]
        self, obs: Any, actions: Tensor, lstm_states: RNNStates, episode_starts: Tensor
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Values, log-probabilities of the actions and entropies of sequences, padded to one length."""
        features, _ = self._carried(obs, lstm_states.pi, episode_starts)
        distribution = self._get_action_dist_from_latent(self.mlp_extractor.forward_actor(features))
        return self.mlp_extractor.forward_critic(features), distribution.log_prob(actions), distribution.entropy()

    def _carried(self, obs: Any, states: States, episode_starts: Tensor) -> tuple[Tensor, States]:
        """Readings of sequences of observations, sequence by sequence, and the states after them.

        Args:
            obs: n sequences of one length, one after the other.
            states: before the first observation of each, (1, n, size).
            episode_starts: where an episode begins, the latent is z_0 = 0 again; float, as many as observations.
        """
        seen = preprocess_obs(obs, self.observation_space, normalize_images=self.normalize_images)
        network, kept = self.readings.network, self.readings.kept
        injections = network.encoder(seen)
        latent = self._latent(states)
        readings = []
        for rows in _moves(len(injections), len(latent)):
            latent = (1.0 - episode_starts[rows]).view(-1, 1, 1) * latent
            passed = network.core.unroll(injections[rows], latent, network.unroll, network.radius, kept).latents
            latent = passed[-1]
            here = {key: value[rows] for key, value in seen.items()} if isinstance(seen, dict) else seen[rows]
            each = [self.readings.read(z, here) for z in passed]
            readings.append(each[0] if kept == 1 else torch.stack(each, 1))
        return torch.stack(readings, 1).flatten(0, 1), self._states(latent)

    def _latent(self, states: States) -> Tensor:
        """Both h and l, side by side, (n, T, h_dim + l_dim)."""
        widths = (self.core.h_dim, self.core.l_dim)
        parts = [
            part[0, :, : self.core.n_tokens * width].reshape(-1, self.core.n_tokens, width)
            for part, width in zip(states, widths, strict=True)
        ]
        return torch.cat(parts, dim=2)

    def _states(self, latent: Tensor) -> States:
        """The reverse of `_latent`."""
        parts = latent[..., : self.core.h_dim], latent[..., self.core.h_dim :]
        high, low = (part.flatten(1) for part in parts)
        size = self.lstm_actor.hidden_size
        return functional.pad(high, (0, size - high.shape[1]))[None], functional.pad(low, (0, size - low.shape[1]))[
            None
        ]


def _moves(length: int, sequences: int) -> Iterator[Tensor]:
    """Rows of the first observation of every sequence, then of the second ones, and so on."""
    steps = length // sequences
    yield from torch.arange(length).view(sequences, steps).T
