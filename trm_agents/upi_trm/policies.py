"""Policies of UPI-TRM, by what their network reads: tokens of a plan-edit task, or features of any environment."""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import CombinedExtractor
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor

from trm_agents.common.policy import RecursivePolicy
from trm_agents.recursion import Dense, ExactCover, RecursiveNetwork, token_network, vector_network
from trm_agents.upi_trm.improvement import masked_log_softmax
from trm_agents.upi_trm.mixture import SnapshotMixture
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.spaces import states_of


class UPIPolicy(RecursivePolicy):
    """Logits, a value and, where asked for, advantages read from one recursive network.

    The deployed policy is the network's own or, with `mixture_capacity`, the exact mixture of snapshots of it. The
    value is `U = value_offset + value_scale * head - potential`.

    Args:
        observation_space, action_space, mdp, kwargs: as `RecursivePolicy`.
        lr_schedule: as for any SB3 policy.
        unroll: n, inner steps of the recursion.
        width: d, channels of the latent.
        radius: R of the latent projection; None leaves it out.
        core: the latent step function.
        advantage_head: read advantages of all actions from the latent.
        mixture_capacity: number of snapshots of an exact mixture; None deploys the network itself.
        value_scale: unit of the value head.
    """

    network: RecursiveNetwork
    value_offset = 0.0

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Discrete,
        lr_schedule: Schedule,
        *,
        mdp: PlanEditMDP | None,
        unroll: int,
        width: int,
        core: Any,
        radius: float | None = 10.0,
        advantage_head: bool = False,
        mixture_capacity: int | None = None,
        value_scale: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(observation_space, action_space, mdp=mdp, **kwargs)
        self.value_scale = value_scale
        self._mixture_capacity = mixture_capacity
        self._recursion: dict[str, Any] = {"width": width, "radius": radius, "core": core}
        self._advantage_head = advantage_head
        self.network = self._build(unroll=unroll, advantage_head=advantage_head, **self._recursion)
        self.mixture = None if mixture_capacity is None else SnapshotMixture(self.network, mixture_capacity)
        self._optimise(lr_schedule)

    def _build(self, **recursion: Any) -> RecursiveNetwork:
        """The network over this policy's kind of observation."""
        raise NotImplementedError

    def action_probabilities(self, observation: PyTorchObs) -> Tensor:
        """The deployed pi(a|s), shape (B, n_actions)."""
        latents = self.latents(observation) if self.mixture is None else None
        return self.deployed(observation, self.action_mask(observation), latents)

    def deployed(self, observation: PyTorchObs, mask: Tensor, latents: Tensor | None) -> Tensor:
        """As `action_probabilities`, from legal actions and latents that are known; a mixture unrolls its own."""
        if self.mixture is not None:
            return self.mixture.probabilities(self.inputs(observation), mask)
        assert latents is not None
        logits = self.network.read(latents).logits
        return torch.where(mask, masked_log_softmax(logits, mask).exp(), 0.0)

    def candidate_probabilities(self, observation: PyTorchObs) -> Tensor:
        """The policy of the network itself, which the exact mixture takes in, float64, (B, n_actions)."""
        logits = self.network(self.inputs(observation)).logits.double()
        return masked_log_softmax(logits, self.action_mask(observation)).exp()

    def values_of(self, latents: Tensor, observation: PyTorchObs, potential: Tensor) -> Tensor:
        """U(s) read from latents of each state, (k, B, ...) -> (k, B)."""
        heads = torch.stack([self.network.read_value(z) for z in latents])
        return self.value_offset + self.value_scale * heads - potential

    def value_lipschitz(self) -> float:
        """See `RecursivePolicy`."""
        return self.value_scale * self.network.value_lipschitz()

    def head_target(self, values: Tensor, potential: Tensor) -> Tensor:
        """The value head's output at which U(s) equals `values`."""
        return (values + potential - self.value_offset) / self.value_scale

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {
            **super()._get_constructor_parameters(),
            **self._recursion,
            "unroll": self.unroll,
            "advantage_head": self._advantage_head,
            "mixture_capacity": self._mixture_capacity,
            "value_scale": self.value_scale,
        }


class TRMPolicy(UPIPolicy):
    """A network over the (cell, symbol) tokens of a plan-edit task. Illegal actions have probability zero.

    The value starts at that of the absorbing boundary, U_0 = -C_max - Phi: were it to start at 0, solving a plan
    (worth 1 - Phi) would look worse than leaving it alone.
    """

    reads_plans = True
    mdp: PlanEditMDP

    def __init__(
        self,
        *args: Any,
        mdp: PlanEditMDP | None,
        width: int = 16,
        core: Any = ExactCover(),  # noqa: B008  # frozen
        **kwargs: Any,
    ) -> None:
        if mdp is None:
            raise ValueError("TRMPolicy needs a plan-edit environment (one with an `mdp`); use MlpPolicy elsewhere")
        self.value_offset = -mdp.task.max_score
        kwargs["value_scale"] = mdp.task.max_score + 1.0
        kwargs.setdefault("features_extractor_class", CombinedExtractor)
        super().__init__(*args, mdp=mdp, width=width, core=core, **kwargs)

    def _build(self, **recursion: Any) -> RecursiveNetwork:
        return token_network(self.mdp, **recursion)

    def action_mask(self, observation: PyTorchObs) -> Tensor:
        """Legal actions by the model, shape (B, n_actions), bool."""
        assert isinstance(observation, dict)
        states = states_of({key: value.cpu().numpy() for key, value in observation.items()})
        return torch.from_numpy(self.mdp.action_mask(states)).to(self.device)


class MlpPolicy(UPIPolicy):
    """A network over the flattened observation of any environment with Discrete actions: no model, no masks."""

    def __init__(
        self,
        *args: Any,
        mdp: PlanEditMDP | None = None,
        width: int = 64,
        core: Any = Dense(),  # noqa: B008  # frozen
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, mdp=None, width=width, core=core, **kwargs)

    def _build(self, **recursion: Any) -> RecursiveNetwork:
        self.features_extractor = self.make_features_extractor()
        return vector_network(self.features_extractor.features_dim, self.n_actions, **recursion)

    def inputs(self, observation: PyTorchObs) -> Any:
        """Features, shape (B, features)."""
        return self.extract_features(observation, self.features_extractor)

    def action_mask(self, observation: PyTorchObs) -> Tensor:
        """Every action is legal."""
        any_entry = next(iter(observation.values())) if isinstance(observation, dict) else observation
        return torch.ones(len(any_entry), self.n_actions, dtype=torch.bool, device=self.device)


class MultiInputPolicy(MlpPolicy):
    """`MlpPolicy` for Dict observations."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("features_extractor_class", CombinedExtractor)
        super().__init__(*args, **kwargs)
