"""Proposers and guessers: what guides a search."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trm_agents.solving.expansion import Guesser, Proposer
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.spaces import observe
from trm_envs.plan_edit.task import Grids


def uniform_proposer(mdp: PlanEditMDP) -> Proposer:
    """No preference between the values that a cell may take: the same search without a network.

    The search leaves out values that the rules object to, so a cell with one value left is certain, and the most
    confident cell is the one with the fewest values left.
    """

    def propose(states: PlanStates) -> NDArray[np.float64]:
        written = mdp.task.writes(states.plans)
        # Leaving a cell as it is counts as one more value where no edit writes that value.
        values = written.shape[2] + (written != states.plans[:, :, None]).all(axis=2)
        return np.repeat(1.0 / values[:, :, None], written.shape[2], axis=2)

    return propose


def policy_proposer(policy: Any, member: int | None = None) -> Proposer:
    """What a trained policy says: `policy.hit_probabilities(observation)`, one call of its network a state.

    Args:
        policy: an SB3 policy with the method `hit_probabilities(observation) -> Tensor (B, n_cells, n_symbols)`.
        member: ask this member of a committee alone (`RepairPolicy`); None asks all.

    Raises:
        ValueError: the policy has none.
    """
    if getattr(policy, "hit_probabilities", None) is None:
        raise ValueError(
            f"{type(policy).__name__} has no hit_probabilities to search with: only UPI-TRM models trained with the "
            "hindsight target (target='hindsight') have them; evaluate this model without search"
        )

    def propose(states: PlanStates) -> NDArray[np.float64]:
        """Ask the policy as it is, without gradients."""
        import torch

        policy.set_training_mode(False)
        asked = {} if member is None else {"member": member}
        tensors, _ = policy.obs_to_tensor(observe(states))
        with torch.no_grad():
            probabilities = policy.hit_probabilities(tensors, **asked)
        return np.asarray(probabilities.cpu().numpy(), np.float64)

    return propose


def policy_guesser(policy: Any) -> Guesser | None:
    """Plans read from a trained policy's latents of many inner steps, from another start each time.

    Args:
        policy: an SB3 policy, which has such latents where it has `restarts` (`RepairPolicy`).

    Returns:
        None for a policy that has none.
    """
    if not getattr(policy, "restarts", 0):
        return None

    def guess(states: PlanStates, attempts: NDArray[np.int64]) -> Grids:
        policy.set_training_mode(False)
        tensors, _ = policy.obs_to_tensor(observe(states))
        plans: Grids = policy.guess(tensors, attempts.tolist())
        return plans

    return guess
