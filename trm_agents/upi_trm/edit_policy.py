"""The policy of UPITRM that is read from the values of all edits, in one pass of the network."""

from __future__ import annotations

from math import inf, sqrt
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.type_aliases import PyTorchObs
from torch import Tensor

from trm_agents.common.decoder_policy import DecoderPolicy
from trm_agents.common.policy import as_tensors
from trm_agents.recursion import PlanDecoder
from trm_agents.solving import Proposal, decoding
from trm_agents.survival import backup
from trm_agents.upi_trm import improvement
from trm_agents.upi_trm.mixture import SnapshotMixture
from trm_envs.plan_edit.cover import Cover
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.spaces import observe

OPTIMISM = 2.0
"""Logit of every edit of a fresh network: edits are alive until they are refuted."""
ROOT = 1.0 / 8.0
"""Power of w that a search tries the edits of a cell by: alive edits that are believed dead stay in reach."""
TRUST = 3
"""Power of V that a search orders plans by: labels lean towards alive, so that a V below 1 says much."""


def edit_costs(mdp: PlanEditMDP, probabilities: Tensor, states: PlanStates) -> Tensor:
    """C(s, a) = sum over editable cells of 1 - q(c|s), less the gain p(a|s) - q(c|s); (B, n_actions)."""
    return decoding.expected_edits(mdp, probabilities, states)[:, None] - decoding.gains(mdp, probabilities, states)


class EditPolicy(DecoderPolicy):
    """pi(a|s) proportional to exp(beta A(s, a)), A read from the values w(s, a) of all edits.

    The network has one logit for each (cell, symbol), of which w is the sigmoid. Blank cells alone are written into,
    where there are any. A is the share of w within the cell, exp(logit) over its sum, centred exactly under pi.

    Args:
        args, kwargs: as `DecoderPolicy`.
        mixture_capacity: number of snapshots of an exact mixture; None deploys the averaged network itself.

    Raises:
        ValueError: the task has no cover.
    """

    def __init__(self, *args: Any, mixture_capacity: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.mdp.task.cover is None:
            raise ValueError(
                f"EditPolicy needs a task whose constraints are an exact cover, and {type(self.mdp.task).__name__} "
                "declares none (`PlanTask.cover`): use TRMPolicy, or HindsightTRM"
            )
        for network in (self.network, self.averaged):
            network.bias.data.fill_(OPTIMISM)
            # Survival does not depend on the edits left, but late states of an episode are dead more often.
            network.encoder.remaining.requires_grad_(False)
        self._mixture_capacity = mixture_capacity
        self.mixture = None if mixture_capacity is None else SnapshotMixture(self.averaged, mixture_capacity)

    @property
    def cover(self) -> Cover:
        """The constraints of the task."""
        cover = self.mdp.task.cover
        assert cover is not None
        return cover

    @torch.no_grad()
    def edit_values(self, states: PlanStates) -> NDArray[np.float32]:
        """w(s, a) of every edit by the averaged network, from z_0 = 0, (B, T)."""
        observation = as_tensors(dict(observe(states)), self.device)
        logits = self.averaged.logits(self.latents(observation)[None], observation)[0]
        out: NDArray[np.float32] = torch.sigmoid(logits).flatten(1).cpu().numpy()
        return out

    @torch.no_grad()
    def expected_values(self, states: PlanStates) -> NDArray[np.float32]:
        """Mean of w under pi: sum_a pi(a|s) w(s, a), (B,)."""
        w = self.edit_values(states)
        policy = self.action_probabilities(as_tensors(dict(observe(states)), self.device)).cpu().numpy()
        out: NDArray[np.float32] = (policy[:, : w.shape[1]] * w).sum(axis=1)
        return out

    @torch.no_grad()
    def least_costs(self, states: PlanStates) -> NDArray[np.float32]:
        """Cost-to-go after the best edit: min over a of C(s, a), (B,)."""
        probabilities = self.edit_probabilities(as_tensors(dict(observe(states)), self.device))
        costs = edit_costs(self.mdp, probabilities, states)
        allowed = torch.from_numpy(self.choices(states)).to(self.device)
        out: NDArray[np.float32] = costs.masked_fill(~allowed, inf).amin(1).cpu().numpy()
        return out

    @torch.no_grad()
    def proposal(self, latents: Tensor, observation: PyTorchObs) -> Proposal:
        """What a search is guided by: p(a|s) proportional to w(s, a)^(1/8) within each cell, and V(s)^3."""
        states, cover = self._states(observation), self.cover
        w = torch.sigmoid(self.averaged.logits(latents[None], observation)[0]).cpu().numpy()
        of = backup.status(states.plans, cover)
        alive = backup.state_value(backup.sums(w.reshape(len(w), -1), of, cover), of)
        likely = w.astype(np.float64) ** ROOT
        return Proposal(likely / likely.sum(axis=2, keepdims=True), alive**TRUST)

    def choices(self, states: PlanStates) -> NDArray[np.bool_]:
        """Which actions have any probability, (B, n_actions): those that write into a blank, where there are any."""
        allowed = decoding.choices(self.mdp, states)
        blank = np.repeat(states.plans == 0, self.mdp.task.n_symbols, axis=1)
        writes = allowed & np.pad(blank, ((0, 0), (0, allowed.shape[1] - blank.shape[1])))
        chosen: NDArray[np.bool_] = np.where(writes.any(axis=1, keepdims=True), writes, allowed)
        return chosen

    def policy_of(self, latents: Tensor, observation: PyTorchObs) -> Tensor:
        """The policy that the averaged network's values give in latents of the states, (B, n_actions)."""
        states = self._states(observation)
        allowed = torch.from_numpy(self.choices(states)).to(self.device)
        return self._read(latents, self.averaged, observation, states, allowed)

    def candidate_probabilities(self, observation: PyTorchObs) -> Tensor:
        """The policy of the averaged network itself, which the exact mixture takes in, float64, (B, n_actions)."""
        return self.policy_of(self.latents(observation), observation).double()

    def action_probabilities(self, observation: PyTorchObs) -> Tensor:
        """The deployed pi(a|s), shape (B, n_actions)."""
        if self.mixture is None:
            return self.policy_of(self.latents(observation), observation)
        states = self._states(observation)
        allowed = torch.from_numpy(self.choices(states)).to(self.device)
        return self.mixture.mean(
            lambda network: self._read(network.last(observation), network, observation, states, allowed)
        )

    def _read(
        self, latents: Tensor, network: PlanDecoder, observation: PyTorchObs, states: PlanStates, allowed: Tensor
    ) -> Tensor:
        """The policy that a network's values give, (B, n_actions)."""
        shares = network.probabilities(latents[None], observation)[0]
        return decoding.softmax_policy(decoding.gains(self.mdp, shares, states), allowed, self.beta)

    def advantages(self, observation: PyTorchObs, policy: Tensor) -> Tensor:
        """A(s, a) of actions that have any probability, centred exactly under `policy`, (B, n_actions)."""
        states = self._states(observation)
        allowed = torch.from_numpy(self.choices(states)).to(self.device)
        gains = decoding.gains(self.mdp, self.edit_probabilities(observation), states)
        return improvement.centred(gains, policy, allowed)

    def values_of(self, latents: Tensor, observation: PyTorchObs, potential: Tensor) -> Tensor:
        """U(s) = gamma^(b - 1) V(s) - Phi(s), b the blanks that are left, (k, B, ...) -> (k, B)."""
        states, cover = self._states(observation), self.cover
        of = backup.status(states.plans, cover)
        w = torch.sigmoid(self.averaged.logits(latents, observation)).flatten(2).cpu().numpy()
        value = np.stack([backup.state_value(backup.sums(each, of, cover), of) for each in w])
        left = np.maximum((states.plans == 0).sum(axis=1), 1) - 1
        return torch.as_tensor(self.mdp.gamma**left * value, dtype=torch.float32, device=self.device) - potential

    def value_lipschitz(self) -> float:
        """L_V of U: V is a minimum of sums of at most k sigmoids, each with a slope of at most 1/4."""
        return sqrt(self.cover.options.shape[1]) / 4.0 * self.averaged.logit_lipschitz()

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {**super()._get_constructor_parameters(), "mixture_capacity": self._mixture_capacity}
