"""Acting with the deployed policy, and valuing what is observed."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.type_aliases import PyTorchObs
from torch import Tensor

from trm_agents.common.policy import RecursivePolicy, numpy_observation
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.spaces import states_of
from trm_envs.plan_edit.task import Checks

Latents = NDArray[np.float32]


def as_tensors(observation: dict[str, NDArray[Any]], device: torch.device) -> PyTorchObs:
    """A batch of stored observations as tensors; a plain array is stored under the empty key."""
    tensors = {key: torch.as_tensor(value, device=device) for key, value in observation.items()}
    return tensors[""] if set(tensors) == {""} else tensors


def potentials(
    mdp: PlanEditMDP | None, observation: dict[str, NDArray[Any]]
) -> tuple[NDArray[np.float64], Checks | None]:
    """Phi(s) of a batch, and the checker's whole word; zero where there is no checker or no shaping."""
    count = len(next(iter(observation.values())))
    if mdp is None:
        return np.zeros(count), None
    checks = mdp.check(states_of(observation))
    return checks.score if mdp.shaping else np.zeros(count), checks


@torch.no_grad()
def act(
    policy: RecursivePolicy, observation: dict[str, NDArray[Any]], carried: Tensor | None, rng: np.random.Generator
) -> tuple[NDArray[np.int64], Latents | None, Latents | None]:
    """Actions sampled from the behaviour policy, shape (n_envs,).

    Where it carries latents, also what they were before and after them.
    """
    probabilities, latent = policy.behaviour(as_tensors(observation, policy.device), carried)
    cumulative = probabilities.double().cpu().numpy().cumsum(1)
    draw = rng.random((len(cumulative), 1)) * cumulative[:, -1:]
    actions = (cumulative > draw).argmax(1)
    if policy.collects_from == "episodic":
        return actions, None, None
    before = torch.zeros_like(latent) if carried is None else carried
    return actions, before.cpu().numpy(), latent.cpu().numpy()


@torch.no_grad()
def state_values(
    policy: RecursivePolicy, observation: dict[str, NDArray[Any]], latent: Tensor | None
) -> NDArray[np.float64]:
    """U_n of a batch of observations, shape (B,)."""
    potential, _ = potentials(policy.mdp, observation)
    phi = torch.as_tensor(potential, dtype=torch.float32, device=policy.device)
    values: NDArray[np.float64] = (
        policy.values(as_tensors(observation, policy.device), phi, latent).double().cpu().numpy()
    )
    return values


def truncation_values(
    policy: RecursivePolicy, infos: list[dict[str, Any]], truncated: NDArray[np.bool_], latents: Latents | None
) -> NDArray[np.float64]:
    """U of the last observation of each truncated episode, 0 elsewhere, shape (n_envs,).

    `latents` are those after the step that was truncated, for a persistent latent.
    """
    values = np.zeros(len(infos))
    for i in np.flatnonzero(truncated):
        last = numpy_observation(infos[i]["terminal_observation"])
        carried = policy.carried(None if latents is None else latents[[i]], None)
        values[i] = state_values(policy, {key: np.asarray(value)[None] for key, value in last.items()}, carried)[0]
    return values
