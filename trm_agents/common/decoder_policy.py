"""What policies that are read from a plan decoder share: the network, its running average, and what is read from it."""

from __future__ import annotations

import copy
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import CombinedExtractor
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor

from trm_agents.common.policy import RecursivePolicy
from trm_agents.recursion import ExactCover, PlanDecoder, TokenCore, Tokens, plan_decoder
from trm_agents.solving import decoding
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.spaces import states_of


class DecoderPolicy(RecursivePolicy):
    """A policy that is read from what a plan decoder says of every edit, in one pass of the network.

    What is deployed is an average of the weights over the training steps.

    Args:
        observation_space, action_space, kwargs: as `RecursivePolicy`.
        lr_schedule: as for any SB3 policy.
        mdp: the plan-edit model.
        unroll: n, inner steps of the recursion.
        beta: inverse temperature.
        width: d, channels of the latent.
        radius: R of the latent projection; None leaves it out.
        core: the latent step function: `ExactCover()` or `CertifiedExactCover(0.9)`.
        tokens: `candidates`, a token for each (cell, symbol), treats all symbols alike; `cells`, a token for each cell,
            does not, and learns it from states turned by the symmetries that the task declares.
    """

    reads_plans = True
    mdp: PlanEditMDP
    network: PlanDecoder
    averaged: PlanDecoder
    """The average of the weights, which is deployed."""

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Discrete,
        lr_schedule: Schedule,
        *,
        mdp: PlanEditMDP | None,
        unroll: int,
        beta: float = 10.0,
        width: int = 16,
        radius: float | None = 10.0,
        core: TokenCore = ExactCover(),  # noqa: B008  # frozen
        tokens: Tokens = "candidates",
        **kwargs: Any,
    ) -> None:
        if mdp is None:
            raise ValueError(
                f"{type(self).__name__} needs a plan-edit environment, one with an `mdp`: pass env=, also to load a "
                "slim file, or use UPITRM with MlpPolicy elsewhere"
            )
        kwargs.setdefault("features_extractor_class", CombinedExtractor)
        super().__init__(observation_space, action_space, mdp=mdp, **kwargs)
        self.beta, self.tokens = beta, tokens
        self._recursion: dict[str, Any] = {"width": width, "radius": radius, "core": core, "tokens": tokens}
        self.network = plan_decoder(mdp, unroll=unroll, **self._recursion)
        self._optimise(lr_schedule)
        self.averaged = copy.deepcopy(self.network).requires_grad_(False)

    @property
    def evaluator(self) -> PlanDecoder:
        """The deployed average."""
        return self.averaged

    @property
    def decoder(self) -> PlanDecoder:
        """The deployed average, as solvers call it."""
        return self.averaged

    @torch.no_grad()
    def average(self, decay: float) -> None:
        """Move the deployed weights towards the latest ones: theta <- decay theta + (1 - decay) theta_latest."""
        for mean, latest in zip(self.averaged.parameters(), self.network.parameters(), strict=True):
            mean.lerp_(latest, 1.0 - decay)

    def edit_probabilities(self, observation: PyTorchObs, latent: Tensor | None = None) -> Tensor:
        """p(a|s) of the deployed network, (B, n_cells, n_symbols), from z_0 = 0 or read from a latent as it is."""
        latents = self.latents(observation) if latent is None else latent
        return self.averaged.probabilities(latents[None], observation)[0]

    def _states(self, observation: PyTorchObs) -> PlanStates:
        assert isinstance(observation, dict)
        return states_of({key: value.cpu().numpy() for key, value in observation.items()})

    def action_mask(self, observation: PyTorchObs) -> Tensor:
        """Legal actions by the model, shape (B, n_actions), bool."""
        return torch.from_numpy(self.mdp.action_mask(self._states(observation))).to(self.device)

    def action_probabilities(self, observation: PyTorchObs) -> Tensor:
        """The deployed pi(a|s) of states from z_0 = 0, shape (B, n_actions)."""
        probabilities = self.edit_probabilities(observation)
        return decoding.edit_policy(self.mdp, probabilities, self._states(observation), self.beta)

    def greedy(self, policy: Tensor) -> Tensor:
        """The first of the best actions, (B, n_actions) -> (B,)."""
        return decoding.greedy(policy, self.beta)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {
            **super()._get_constructor_parameters(),
            **self._recursion,
            "unroll": self.unroll,
            "beta": self.beta,
        }
