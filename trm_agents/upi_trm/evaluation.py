"""Policy evaluation: a rollout as seen by one frozen snapshot."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.type_aliases import PyTorchObs
from torch import Tensor

from trm_agents.common.checker_values import enumerated, potentials
from trm_agents.common.policy import RecursivePolicy, as_tensors
from trm_agents.common.rollout import Rollout
from trm_agents.upi_trm import improvement
from trm_agents.upi_trm.policies import UPIPolicy
from trm_agents.upi_trm.targets import k_step_targets
from trm_envs.plan_edit.mdp import PlanStates
from trm_envs.plan_edit.spaces import observe, states_of
from trm_envs.plan_edit.task import Checks

CHUNK = 256
"""States a forward pass without gradient takes at once."""

Advantage = Literal["enumerate", "readout"]


class EvaluationSettings(NamedTuple):
    """What the evaluation of a rollout depends on; see `UPITRM`."""

    gamma: float
    bootstrap_horizon: int
    advantage: Advantage
    checker_weight: float


class Evaluation(NamedTuple):
    """A rollout of N states as seen by one frozen snapshot; all tensors have N rows."""

    observation: PyTorchObs
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
            mask=self.mask[rows],
            policy=self.policy[rows],
            values=self.values[rows],
            potential=self.potential[rows],
            actions=self.actions[rows],
            targets=self.targets[rows],
            advantages=self.advantages[rows],
        )


@torch.no_grad()
def evaluate(
    policy: UPIPolicy, rollout: Rollout, last_values: NDArray[np.float64], settings: EvaluationSettings
) -> Evaluation:
    """Deployed probabilities, values, K-step targets and centred advantages of every state of a rollout.

    Args:
        policy: the snapshot; nothing in it changes.
        rollout: a full rollout.
        last_values: U of the states that follow it, shape (n_envs,).
        settings: what it depends on.
    """
    device = policy.device
    flat = {key: rollout.flat(value) for key, value in rollout.observations.items()}
    observation = as_tensors(flat, device)
    potential, checks = potentials(policy.mdp, flat)
    phi = torch.as_tensor(potential, dtype=torch.float32, device=device)
    mask, latents = policy.action_mask(observation), policy.latents(observation)
    pi, output = policy.deployed(observation, mask, latents), policy.network.read(latents)
    values = policy.value_offset + policy.value_scale * output.value - phi
    states = None if policy.mdp is None else states_of(flat)
    q, queries = _action_values(policy, settings, states, checks, output.advantages)
    targets = torch.as_tensor(_targets(rollout, values, last_values, settings), dtype=torch.float32, device=device)
    actions = torch.as_tensor(rollout.flat(rollout.actions), device=device)
    advantages = improvement.centred(q, pi, mask)
    return Evaluation(observation, mask, pi, values, phi, actions, targets, advantages, queries)


def _targets(
    rollout: Rollout, values: Tensor, last_values: NDArray[np.float64], settings: EvaluationSettings
) -> NDArray[np.float64]:
    """K-step targets, flattened, shape (N,)."""
    along = values.double().cpu().numpy().reshape(rollout.n_steps, rollout.n_envs)
    following = np.concatenate([along[1:], last_values[None]])
    next_values = np.where(rollout.truncated, rollout.truncation_values, following)
    targets = k_step_targets(
        rollout.rewards,
        rollout.terminated,
        rollout.truncated,
        next_values,
        settings.gamma,
        settings.bootstrap_horizon,
    )
    return rollout.flat(targets)


def _action_values(
    policy: UPIPolicy,
    settings: EvaluationSettings,
    states: PlanStates | None,
    checks: Checks | None,
    readout: Tensor | None,
) -> tuple[Tensor, int]:
    """Q of every legal action up to a constant a state, which centring removes, and how many successors it took.

    Args:
        policy: gives U.
        settings: whether values are enumerated or read out, and the checker's weight.
        states: B states; None without a model.
        checks: what the checker says of them; None without a model.
        readout: advantages read from their latents; None where values are enumerated.
    """
    if states is None or checks is None or policy.mdp is None:
        assert readout is not None
        return readout, 0
    if readout is None:
        return enumerated_values(policy, states, checks, settings.checker_weight)
    if settings.checker_weight == 0.0:
        return readout, 0
    checker = enumerated(policy.mdp, states, checks, None, settings.checker_weight)
    of_checker = torch.as_tensor(checker.q, device=policy.device)
    return (1.0 - settings.checker_weight) * readout + settings.checker_weight * of_checker, checker.queries


def enumerated_values(
    policy: RecursivePolicy, states: PlanStates, checks: Checks, checker_weight: float
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
            batch = as_tensors(dict(observe(states.at(part))), policy.device)
            phi = torch.as_tensor(shaped[part], dtype=torch.float32, device=policy.device)
            out[part] = policy.values(batch, phi).cpu().numpy()
        return out

    values = enumerated(mdp, states, checks, state_values, checker_weight)
    return torch.as_tensor(values.q, device=policy.device), values.queries
