"""Proposers and guessers: what guides a search."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from trm_agents.solving import decoding
from trm_agents.solving.expansion import Guesser, Proposal, Proposer
from trm_agents.solving.solver import DecodingPolicy, read, tensors_of
from trm_agents.solving.variations import initial_latent
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.task import Grids


def uniform_proposer(mdp: PlanEditMDP) -> Proposer:
    """No preference between the values that a cell may take: the same search without a network.

    The search leaves out values that the rules object to, so a cell with one value left is certain, and the most
    confident cell is the one with the fewest values left.
    """

    def propose(states: PlanStates) -> Proposal:
        written = mdp.task.writes(states.plans)
        # Leaving a cell as it is counts as one more value where no edit writes that value.
        values = written.shape[2] + (written != states.plans[:, :, None]).all(axis=2)
        return Proposal(np.repeat(1.0 / values[:, :, None], written.shape[2], axis=2))

    return propose


def policy_proposer(policy: DecodingPolicy) -> Proposer:
    """What a trained policy proposes: one call of its network a state, from z_0 = 0."""

    @torch.no_grad()
    def propose(states: PlanStates) -> Proposal:
        observation = tensors_of(states, policy.device)
        return policy.proposal(policy.decoder.last(observation, None, policy.unroll), observation)

    return propose


def decoded_guesser(mdp: PlanEditMDP) -> Guesser:
    """The plan that is decoded from what the proposer says: no call of its own."""

    def guess(states: PlanStates, attempts: NDArray[np.int64], proposal: Proposal) -> Grids:
        return decoding.likeliest_plans(mdp, torch.as_tensor(proposal.probabilities), states)

    return guess


def policy_guesser(policy: DecodingPolicy, mdp: PlanEditMDP, unroll: int) -> Guesser:
    """Plans that a trained policy decodes after `unroll` inner steps, from another initial latent each time."""

    @torch.no_grad()
    def guess(states: PlanStates, attempts: NDArray[np.int64], proposal: Proposal) -> Grids:
        observation, decoder = tensors_of(states, policy.device), policy.decoder
        starts = {n: initial_latent(n, decoder.latent_shape, decoder.radius) for n in set(attempts.tolist())}
        first = torch.stack([starts[n] for n in attempts.tolist()]).to(policy.device)
        probabilities = read(policy, decoder.last(observation, first, unroll), observation)
        return decoding.likeliest_plans(mdp, probabilities, states)

    return guess
