"""One iteration of UPITRM on the values of all edits: label them under a frozen snapshot, then fit the network."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from trm_agents.common.depths import TrainUnroll, depth_weights
from trm_agents.common.gradients import clip_gradients
from trm_agents.common.policy import as_tensors
from trm_agents.common.rollout import Rollout
from trm_agents.survival import Labels, Survival, backup, label
from trm_agents.upi_trm import improvement
from trm_agents.upi_trm.edit_policy import EditPolicy
from trm_envs.plan_edit.cover import Cover
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.spaces import observe, states_of

INSTANCES = 20_000
"""Instances whose first states are drawn; the one met longest ago gives way."""
LEAST_SUM = 1e-4
"""Where a sum of survivals is cut off below, in the constraint loss."""


class InstanceMemory:
    """The instances that episodes have begun on, the newest of so many; all of it pickles."""

    def __init__(self, n_cells: int, n_envs: int) -> None:
        self._kept = np.zeros((0, n_cells), np.int8)
        self.restart(n_envs)

    def restart(self, n_envs: int) -> None:
        """Take the next state of each of so many environments for the first one of an episode."""
        self._begins = np.ones(n_envs, np.bool_)

    def add(self, rollout: Rollout) -> None:
        """Keep the instances of the episodes that begin in a rollout."""
        instances = rollout.observations["instance"].reshape(rollout.n_steps, rollout.n_envs, -1)
        ends = rollout.terminated | rollout.truncated
        begins = np.concatenate([self._begins[None], ends[:-1]])
        self._kept = np.concatenate([self._kept, instances[begins]])[-INSTANCES:]
        self._begins = ends[-1].copy()

    def first_states(self, mdp: PlanEditMDP, count: int, rng: np.random.Generator) -> PlanStates:
        """First states of instances drawn uniformly, with replacement."""
        return mdp.initial(self._kept[rng.integers(len(self._kept), size=count)])


class EditSettings(NamedTuple):
    """What an iteration depends on; see `UPITRM`."""

    target: Survival
    batch_size: int
    n_epochs: int
    train_unroll: TrainUnroll
    deep_supervision: bool
    ema_decay: float
    max_grad_norm: float


class Labelled(NamedTuple):
    """N states with labels of all their edits."""

    states: PlanStates
    first: NDArray[np.bool_]
    """Which are first states, (N,)."""
    labels: Labels


class Fitted(NamedTuple):
    """Means over the gradient steps of an iteration, and how many there were."""

    loss: float
    constraint_loss: float
    projected: float
    gradient_steps: int


def unfinished(states: PlanStates, cover: Cover) -> NDArray[np.int64]:
    """Rows of states that have a blank and that the constraints do not call lost."""
    of = backup.status(states.plans, cover)
    hopeful = backup.state_value(backup.sums(np.ones(of.legal.shape, np.float32), of, cover), of) > 0.0
    return np.flatnonzero(hopeful & (states.plans == 0).any(axis=1))


def labelled(
    policy: EditPolicy, rollout: Rollout, memory: InstanceMemory, target: Survival, warm: bool, rng: np.random.Generator
) -> Labelled:
    """As many states as the rollout has, and labels of their edits under the averaged network as it is.

    A share of them are first states of instances met so far, the others are drawn from the rollout.
    """
    visited = states_of({key: rollout.flat(value) for key, value in rollout.observations.items()})
    rows = rng.permutation(unfinished(visited, policy.cover))
    count = len(visited.plans)
    rows = rows[: count - round(target.first_states * count)]
    begun = memory.first_states(policy.mdp, count - len(rows), rng)
    drawn = visited.at(rows)
    states = PlanStates(
        np.concatenate([drawn.instances, begun.instances]),
        np.concatenate([drawn.plans, begun.plans]),
        np.concatenate([drawn.remaining_edits, begun.remaining_edits]),
    )
    labels = label(states, policy.edit_values, policy.cover, target, rng, warm)
    return Labelled(states, np.arange(count) >= len(rows), labels)


def constraint_loss(logits: Tensor, legal: Tensor, needed: Tensor, options: Tensor) -> Tensor:
    """-log min(1, sum over o in g of w(s, o)), mean over the open constraints g of all states; shape (kept,).

    Args:
        logits: of w, (kept, B, T).
        legal: options that count, (B, T).
        needed: which constraints are open, (B, G).
        options: of each constraint, (G, k), where -1 pads.
    """
    w = functional.pad(torch.sigmoid(logits) * legal, (0, 1))
    totals = w[:, :, options].sum(3).clamp(LEAST_SUM, 1.0)
    missing: Tensor = (-torch.log(totals) * needed).sum((1, 2)) / needed.sum().clamp_min(1)
    return missing


def fit(
    policy: EditPolicy, data: Labelled, settings: EditSettings, steps_before: int, rng: np.random.Generator
) -> Fitted:
    """Gradient steps over `n_epochs` passes through the labelled states; the average of the weights follows."""
    policy.set_training_mode(True)
    history: list[tuple[float, float, float]] = []
    for _ in range(settings.n_epochs):
        order = rng.permutation(len(data.first))
        for rows in np.array_split(order, max(1, round(len(order) / settings.batch_size))):
            policy.optimizer.zero_grad()
            history.append(_backward(policy, data, rows, settings, rng))
            policy.optimizer.step()
            policy.network.core.clamp_()
            # A plain mean at first, so that the average does not drag the first weights along.
            policy.average(min(settings.ema_decay, 1.0 - 1.0 / (steps_before + len(history))))
    loss, constraint, projected = (float(mean) for mean in np.mean(history, axis=0))
    return Fitted(loss, constraint, projected, len(history))


def _backward(
    policy: EditPolicy, data: Labelled, rows: NDArray[np.int64], settings: EditSettings, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Gradient on some of the states, at a depth drawn for them, clipped to `max_grad_norm`."""
    network, labels = policy.network, data.labels
    low, high, gradient = settings.train_unroll
    unroll = int(rng.integers(low, high + 1))
    last = min(unroll, gradient)
    of_depth = depth_weights(last, settings.deep_supervision).to(policy.device)
    observation = as_tensors(dict(observe(data.states.at(rows))), policy.device)
    with torch.no_grad():
        start = network.last(observation, None, unroll - last) if unroll > last else None
    latents, projected = network.run(observation, start, last, len(of_depth))
    logits = network.logits(latents, observation).flatten(2)
    target, weight = (_tensor(array[rows], policy) for array in (labels.label, labels.weight))
    each = functional.binary_cross_entropy_with_logits(logits, target.expand_as(logits), reduction="none")
    loss = of_depth @ (each * weight).sum((1, 2)) / weight.sum().clamp_min(1.0)
    missing = _constraints(policy, data, rows[data.first[rows]], logits[:, data.first[rows]])
    total = loss + settings.target.anchor * (of_depth @ missing)
    total.backward()  # type: ignore[no-untyped-call]
    clip_gradients(network, settings.max_grad_norm)
    return loss.item(), missing[-1].item(), float(projected.mean())


def _constraints(policy: EditPolicy, data: Labelled, rows: NDArray[np.int64], logits: Tensor) -> Tensor:
    """The constraint loss of first states."""
    of, cover = data.labels.of, policy.cover
    needed = (of.met[rows] == 0) & cover.required
    options = torch.from_numpy(cover.options).to(policy.device)
    return constraint_loss(logits, _tensor(of.legal[rows], policy), _tensor(needed, policy), options)


def _tensor(array: NDArray[Any], policy: EditPolicy) -> Tensor:
    """As floats on the policy's device."""
    return torch.as_tensor(array, dtype=torch.float32, device=policy.device)


@torch.no_grad()
def centring_defect(policy: EditPolicy, states: PlanStates) -> float:
    """max_s |sum_a pi(a|s) A(s, a)| over some states."""
    observation = as_tensors(dict(observe(states)), policy.device)
    deployed = policy.action_probabilities(observation)
    return float(improvement.centring_defect(policy.advantages(observation, deployed), deployed))


def explored(policy: Tensor, states: PlanStates, cover: Cover, exploration: float, rng: np.random.Generator) -> Tensor:
    """The policy, in a share of the states replaced by any option that the constraints allow, (B, n_actions)."""
    legal = backup.status(states.plans, cover).legal
    rows = np.flatnonzero((rng.random(len(legal)) < exploration) & legal.any(axis=1))
    out = policy.clone()
    out[rows] = 0.0
    out[rows, : legal.shape[1]] = torch.as_tensor(legal[rows], dtype=out.dtype, device=out.device)
    return out
