"""Recursive policies for DQN and sb3-contrib's QR-DQN."""

from __future__ import annotations

from typing import Any

from sb3_contrib.qrdqn.policies import QRDQNPolicy, QuantileNetwork
from stable_baselines3.dqn.policies import DQNPolicy, QNetwork
from torch import Tensor, nn

from trm_agents.recursive_policies.extractor import Readings
from trm_agents.recursive_policies.options import cycle_weights
from trm_agents.recursive_policies.policies import ReadsRecursion
from trm_agents.recursive_policies.sharing import shared


def duelled(features: Tensor) -> Tensor:
    """Value + advantages - their mean: (B, n + 1) or (B, K, n + 1) -> (B, n).

    Of K cycles the last one counts, and all learn from its error.
    """
    outputs = features[..., -1:] + features[..., :-1] - features[..., :-1].mean(dim=-1, keepdim=True)
    return outputs if outputs.ndim == 2 else shared(outputs.unbind(1), cycle_weights(outputs.shape[1]))


class RecursiveQNetwork(QNetwork):
    """Q(s, a) = V(s) + A(s, a) - mean over a of A(s, .): the dueling readout of the two heads."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.q_net = nn.Sequential()

    def forward(self, observation: Any) -> Tensor:
        """Batched observations -> (B, n_actions)."""
        network: Any = self.features_extractor
        return duelled(self.extract_features(observation, network))


class RecursiveQuantileNetwork(QuantileNetwork):
    """As `RecursiveQNetwork`, for each quantile: A(s, a) has one number a quantile, and V(s) is their common value."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.quantile_net = nn.Sequential()

    def forward(self, observation: Any) -> Tensor:
        """Batched observations -> (B, n_quantiles, n_actions)."""
        network: Any = self.features_extractor
        outputs = duelled(self.extract_features(observation, network))
        return outputs.view(len(outputs), self.n_quantiles, -1)


class RecursiveDQNPolicy(ReadsRecursion, DQNPolicy):
    """For DQN."""

    mixes = False

    @property
    def readings(self) -> Readings:
        """The network that acts."""
        network = self.q_net.features_extractor
        assert isinstance(network, Readings)
        return network

    def make_q_net(self) -> QNetwork:
        """One Q network with a recursive network of its own."""
        net_args = self._update_features_extractor(self.net_args, features_extractor=None)
        return RecursiveQNetwork(**net_args).to(self.device)


class RecursiveQRDQNPolicy(ReadsRecursion, QRDQNPolicy):
    """For sb3-contrib's QR-DQN."""

    mixes = False

    @property
    def readings(self) -> Readings:
        """The network that acts."""
        network = self.quantile_net.features_extractor
        assert isinstance(network, Readings)
        return network

    def outputs(self) -> int:
        """One number for each quantile of each action, quantile by quantile."""
        return int(self.action_space.n) * self.n_quantiles

    def make_quantile_net(self) -> QuantileNetwork:
        """One quantile network with a recursive network of its own."""
        net_args = self._update_features_extractor(self.net_args, features_extractor=None)
        return RecursiveQuantileNetwork(**net_args).to(self.device)
