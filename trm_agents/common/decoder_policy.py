"""What policies that are read from a plan decoder share: the network, its running average, and what is read from it."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.torch_layers import CombinedExtractor
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor

from trm_agents.common.policy import TOLERANCE, RecursivePolicy, Unroll, restricted
from trm_agents.recursion import ExactCover, PlanDecoder, TokenCore, plan_decoder
from trm_agents.solving import Proposal, decoding
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
        core: the latent step function, and what it knows of the task: `ExactCover()`, `CertifiedExactCover(0.9)`,
            `Cells()`, `Discovered()` or `Attention()`.
        carry_unroll: inner steps from the latent of the state before; None starts every state from z_0 = 0.
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
        carry_unroll: int | None = None,
        **kwargs: Any,
    ) -> None:
        if mdp is None:
            raise ValueError(
                f"{type(self).__name__} needs a plan-edit environment, one with an `mdp`: pass env=, also to load a "
                "slim file, or use UPITRM with MlpPolicy elsewhere"
            )
        kwargs.setdefault("features_extractor_class", CombinedExtractor)
        super().__init__(observation_space, action_space, mdp=mdp, **kwargs)
        self.beta, self.carry_unroll = beta, carry_unroll
        self.learns_symmetries = core.symmetries
        """Whether HindsightTRM turns states by the symmetries that the task declares."""
        self.alike = core.alike
        """Whether the network knows that all symbols are alike."""
        self._recursion: dict[str, Any] = {"width": width, "radius": radius, "core": core}
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

    def proposal(self, latents: Tensor, observation: PyTorchObs) -> Proposal:
        """What a search is guided by: the deployed network's edit probabilities."""
        return Proposal(np.asarray(self.edit_probabilities(observation, latents).cpu().numpy(), np.float64))

    def _states(self, observation: PyTorchObs) -> PlanStates:
        assert isinstance(observation, dict)
        return states_of({key: value.cpu().numpy() for key, value in observation.items()})

    def action_mask(self, observation: PyTorchObs) -> Tensor:
        """Legal actions by the model, shape (B, n_actions), bool."""
        return torch.from_numpy(self.mdp.action_mask(self._states(observation))).to(self.device)

    def policy_of(self, latents: Tensor, observation: PyTorchObs) -> Tensor:
        """The policy that the deployed network reads from latents of the states, (B, n_actions)."""
        probabilities = self.edit_probabilities(observation, latents)
        return decoding.edit_policy(self.mdp, probabilities, self._states(observation), self.beta)

    def action_probabilities(self, observation: PyTorchObs) -> Tensor:
        """The deployed pi(a|s) of states from z_0 = 0, shape (B, n_actions)."""
        return self.policy_of(self.latents(observation), observation)

    @property
    def carries(self) -> bool:
        """Whether a latent goes from `predict` to `predict`, as SB3's `state`."""
        return self.carry_unroll is not None

    def set_unroll(self, unroll: Unroll, tolerance: float = TOLERANCE) -> None:
        """See `RecursivePolicy`; from a carried latent, states take `carry_unroll` inner steps as before."""
        if unroll == "auto" and self.carries:
            raise ValueError("unroll='auto' starts every state from z_0 = 0: use carry_unroll=None, and no starts")
        super().set_unroll(unroll, tolerance)

    def carried(self, observation: PyTorchObs, latent: Tensor | None, first: Tensor | None = None) -> Tensor:
        """Latents after the inner steps that a state takes from the latent of the one before, (B, ...).

        Args:
            observation: of B states.
            latent: of the states before; None where all states are first ones.
            first: which states are first ones nevertheless, and take n inner steps from z_0 = 0, (B,); None: none.
        """
        if latent is None or self.carry_unroll is None or (first is not None and bool(first.all())):
            return self.latents(observation)
        latents = self.averaged.last(observation, latent, self.carry_unroll)
        if first is not None and bool(first.any()):
            assert isinstance(observation, dict)
            latents[first] = self.latents({key: value[first] for key, value in observation.items()})
        return latents

    def carried_probabilities(
        self, observation: PyTorchObs, latent: Tensor | None, first: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """The deployed pi(a|s), shape (B, n_actions), and the latents that the next states start from, if any."""
        latents = self.carried(observation, latent, first)
        return self.policy_of(latents, observation), latents if self.carries else None

    def predict(
        self,
        observation: NDArray[Any] | dict[str, NDArray[Any]],
        state: tuple[NDArray[Any], ...] | None = None,
        episode_start: NDArray[Any] | None = None,
        deterministic: bool = False,
        action_masks: NDArray[Any] | None = None,
    ) -> tuple[NDArray[Any], tuple[NDArray[Any], ...] | None]:
        """One pass of the deployed network; a carried latent goes in and out as `state` (as in RecurrentPPO)."""
        if not self.carries:
            return super().predict(observation, state, episode_start, deterministic, action_masks)
        self.set_training_mode(False)
        tensors, batched = self.obs_to_tensor(observation)
        with torch.no_grad():
            latent = None if state is None else torch.as_tensor(state[0], device=self.device)
            first = None if episode_start is None else torch.as_tensor(episode_start, dtype=torch.bool)
            policy, latents = self.carried_probabilities(tensors, latent, first)
            if action_masks is not None:
                policy = restricted(policy, action_masks)
            actions = self.choose(policy, deterministic).cpu().numpy()
        assert latents is not None
        return actions if batched else actions[0], (latents.cpu().numpy(),)

    def greedy(self, policy: Tensor) -> Tensor:
        """The first of the best actions, (B, n_actions) -> (B,)."""
        return decoding.greedy(policy, self.beta)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {
            **super()._get_constructor_parameters(),
            **self._recursion,
            "unroll": self.unroll,
            "beta": self.beta,
            "carry_unroll": self.carry_unroll,
        }
