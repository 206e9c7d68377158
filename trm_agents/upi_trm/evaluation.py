"""Policy evaluation: a rollout as seen by one frozen snapshot."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.type_aliases import PyTorchObs
from torch import Tensor

from trm_agents.common.action_values import enumerated
from trm_agents.common.collection import as_tensors, potentials
from trm_agents.common.policy import RecursivePolicy
from trm_agents.common.rollout import Rollout
from trm_agents.upi_trm import improvement
from trm_agents.upi_trm.dials import Dials
from trm_agents.upi_trm.targets import k_step_targets
from trm_envs.plan_edit.mdp import PlanStates
from trm_envs.plan_edit.spaces import observe, states_of
from trm_envs.plan_edit.task import Checks

CHUNK = 256
"""States a forward pass without gradient takes at once."""


class Evaluation(NamedTuple):
    """A rollout of N states as seen by one frozen snapshot; all tensors have N rows."""

    observation: PyTorchObs
    latent: Tensor | None
    """What each state's inner steps start from; None stands for z_0 = 0."""
    mask: Tensor
    policy: Tensor
    """The deployed pi(a|s), (N, n_actions)."""
    values: Tensor
    """U_n(s), (N,)."""
    potential: Tensor
    """Phi(s), (N,)."""
    actions: Tensor
    targets: Tensor
    """K-step targets of U(s) and, along the action taken, of Q(s, a), (N,)."""
    advantages: Tensor
    """Exactly centred under `policy`, (N, n_actions)."""
    queries: int
    """Successors enumerated through the model."""

    def batch(self, rows: Tensor) -> Evaluation:
        """The evaluation of some of the states."""
        observation = self.observation
        return self._replace(
            observation={k: v[rows] for k, v in observation.items()}
            if isinstance(observation, dict)
            else observation[rows],
            latent=None if self.latent is None else self.latent[rows],
            mask=self.mask[rows],
            policy=self.policy[rows],
            values=self.values[rows],
            potential=self.potential[rows],
            actions=self.actions[rows],
            targets=self.targets[rows],
            advantages=self.advantages[rows],
        )


@torch.no_grad()
def evaluate(policy: RecursivePolicy, rollout: Rollout, last_values: NDArray[np.float64], dials: Dials) -> Evaluation:
    """Deployed probabilities, values, K-step targets and centred advantages of every state of a rollout.

    Args:
        policy: the snapshot; nothing in it changes.
        rollout: a full rollout.
        last_values: U of the states that follow it, shape (n_envs,).
        dials: hyperparameters.
    """
    device = policy.device
    flat = {key: rollout.flat(value) for key, value in rollout.observations.items()}
    observation = as_tensors(flat, device)
    latent = None if rollout.latents is None else torch.as_tensor(rollout.flat(rollout.latents), device=device)
    potential, checks = potentials(policy.mdp, flat)
    phi = torch.as_tensor(potential, dtype=torch.float32, device=device)
    mask = policy.action_mask(observation)
    pi, latents_out = policy.action_probabilities(observation, latent)
    output = policy.network.read(latents_out)
    values = policy.value_offset + policy.value_scale * output.value - phi
    states = None if policy.mdp is None else states_of(flat)
    q, queries = _action_values(policy, dials, states, checks, latents_out, output.advantages)
    return Evaluation(
        observation,
        latent,
        mask,
        pi,
        values,
        phi,
        torch.as_tensor(rollout.flat(rollout.actions), device=device),
        torch.as_tensor(_targets(rollout, values, last_values, dials), dtype=torch.float32, device=device),
        improvement.centred(q, pi, mask),
        queries,
    )


def _targets(rollout: Rollout, values: Tensor, last_values: NDArray[np.float64], dials: Dials) -> NDArray[np.float64]:
    """K-step targets, flattened, shape (N,)."""
    along = values.double().cpu().numpy().reshape(rollout.n_steps, rollout.n_envs)
    following = np.concatenate([along[1:], last_values[None]])
    next_values = np.where(rollout.truncated, rollout.truncation_values, following)
    targets = k_step_targets(
        rollout.rewards, rollout.terminated, rollout.truncated, next_values, dials.gamma, dials.bootstrap_horizon
    )
    return rollout.flat(targets)


def _action_values(
    policy: RecursivePolicy,
    dials: Dials,
    states: PlanStates | None,
    checks: Checks | None,
    latents: Tensor,
    readout: Tensor | None,
) -> tuple[Tensor, int]:
    """Q of every legal action up to a constant a state, which centring removes, and how many successors it took.

    Args:
        policy: gives U.
        dials: hyperparameters: how values are had, and the prior.
        states: B states; None without a model.
        checks: the checker's word on them; None without a model.
        latents: z_n of the states, where a persistent latent goes on from.
        readout: advantages read from them; None where they are enumerated.
    """
    mdp = policy.mdp
    if dials.advantage == "readout":
        assert readout is not None
        if mdp is None or states is None or checks is None or dials.prior == 0.0:
            return readout, 0
        checker = enumerated(mdp, states, checks, None, dials.prior)
        prior = torch.as_tensor(checker.q, device=policy.device)
        return (1.0 - dials.prior) * readout + dials.prior * prior, checker.queries
    assert states is not None and checks is not None
    return enumerated_values(policy, states, checks, latents, dials.prior)


def enumerated_values(
    policy: RecursivePolicy, states: PlanStates, checks: Checks, latents: Tensor, prior: float
) -> tuple[Tensor, int]:
    """Q of every legal action with U of the policy, (B, n_actions), zero on illegal ones, and how many successors."""
    mdp = policy.mdp
    assert mdp is not None

    def state_values(states: PlanStates, score: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """U of successors, part by part, (n,)."""
        out = np.empty(len(rows), np.float32)
        shaped = score if mdp.shaping else np.zeros_like(score)
        for start in range(0, len(rows), CHUNK):
            part = slice(start, start + CHUNK)
            batch = as_tensors(observe(states.at(part)), policy.device)
            carried = latents[torch.as_tensor(rows[part])] if policy.latent == "persistent" else None
            phi = torch.as_tensor(shaped[part], dtype=torch.float32, device=policy.device)
            out[part] = policy.values(batch, phi, carried).cpu().numpy()
        return out

    values = enumerated(mdp, states, checks, state_values, prior)
    return torch.as_tensor(values.q, device=policy.device), values.queries
