"""Policies of UPI-TRM, by what their network reads: tokens of a plan-edit task, or features of any environment."""

from __future__ import annotations

from typing import Any

import torch
from stable_baselines3.common.torch_layers import CombinedExtractor
from stable_baselines3.common.type_aliases import PyTorchObs
from torch import Tensor

from trm_agents.common.policy import RecursivePolicy
from trm_agents.recursion import RecursiveNetwork, token_network, vector_network
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.spaces import states_of


class TRMPolicy(RecursivePolicy):
    """A network over the (cell, symbol) tokens of a plan-edit task. Illegal actions have probability zero.

    The value starts at that of the absorbing boundary, U_0 = -C_max - Phi: were it to start at 0, solving a plan
    (worth 1 - Phi) would look worse than leaving it alone.
    """

    def __init__(self, *args: Any, mdp: PlanEditMDP | None, width: int = 16, **kwargs: Any) -> None:
        if mdp is None:
            raise ValueError("TRMPolicy needs a plan-edit environment (one with an `mdp`); use MlpPolicy elsewhere")
        self.value_offset = -mdp.task.max_score
        kwargs["value_scale"] = mdp.task.max_score + 1.0
        kwargs.setdefault("features_extractor_class", CombinedExtractor)
        super().__init__(*args, mdp=mdp, width=width, **kwargs)

    def _build(self, dials: dict[str, Any]) -> RecursiveNetwork:
        assert self.mdp is not None
        return token_network(self.mdp, **dials)

    def inputs(self, observation: PyTorchObs) -> Any:
        """The observation itself: the token encoder reads integers."""
        return observation

    def action_mask(self, observation: PyTorchObs) -> Tensor:
        """Legal actions by the model, shape (B, n_actions), bool."""
        assert self.mdp is not None and isinstance(observation, dict)
        states = states_of({key: value.cpu().numpy() for key, value in observation.items()})
        return torch.from_numpy(self.mdp.action_mask(states)).to(self.device)


class MlpPolicy(RecursivePolicy):
    """A network over the flattened observation of any environment with Discrete actions."""

    def __init__(self, *args: Any, mdp: PlanEditMDP | None = None, width: int = 64, **kwargs: Any) -> None:
        # Whatever the environment is, this policy reads plain features: no model, no masks.
        super().__init__(*args, mdp=None, width=width, **kwargs)

    def _build(self, dials: dict[str, Any]) -> RecursiveNetwork:
        self.features_extractor = self.make_features_extractor()
        return vector_network(self.features_extractor.features_dim, self.n_actions, **dials)

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
