"""One iteration of UPITRM on the values of all edits: label them under a frozen snapshot, then fit the network."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from trm_agents.common.carrying import start_latents
from trm_agents.common.depths import TrainUnroll, depth_weights
from trm_agents.common.gradients import clip_gradients
from trm_agents.common.policy import as_tensors
from trm_agents.survival import Drawn, EditTarget, Labels, backup
from trm_agents.upi_trm import improvement
from trm_agents.upi_trm.edit_policy import EditPolicy, edit_costs
from trm_agents.upi_trm.experience import Experience
from trm_envs.plan_edit.cover import Cover
from trm_envs.plan_edit.mdp import PlanStates
from trm_envs.plan_edit.spaces import observe

LEAST_SUM = 1e-4
"""Where a sum of survivals is cut off below, in the constraint loss."""


class EditSettings(NamedTuple):
    """What an iteration depends on; see `UPITRM`."""

    target: EditTarget
    batch_size: int
    n_epochs: int
    train_unroll: TrainUnroll
    deep_supervision: bool
    ema_decay: float
    max_grad_norm: float


class Labelled(NamedTuple):
    """States drawn, with labels of all their edits."""

    drawn: Drawn
    labels: Labels


class Fitted(NamedTuple):
    """Means over the gradient steps of an iteration, and how many there were."""

    loss: float
    constraint_loss: float
    projected: float
    gradient_steps: int


def labelled(
    policy: EditPolicy,
    experience: Experience,
    count: int,
    target: EditTarget,
    progress: float,
    rng: np.random.Generator,
) -> Labelled:
    """So many states, and labels of their edits under the averaged network as it is."""
    drawn = experience.draw(count, target.first_states, target.horizon, rng)
    return Labelled(drawn, target.labels(drawn, policy, rng, progress))


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
        order = rng.permutation(len(data.drawn.first))
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
    drawn, target = data.drawn, settings.target
    observation = as_tensors(dict(observe(drawn.states.at(rows))), policy.device)
    start = start_latents(policy, drawn.states.at(rows), unroll - last, high, rng)
    latents, projected = network.run(observation, start, last, len(of_depth))
    logits = network.logits(latents, observation)
    loss = of_depth @ label_loss(logits.flatten(2), *(_tensor(a[rows], policy) for a in (labels.label, labels.weight)))
    if labels.costs is not None:
        loss = loss + of_depth @ _cost_loss(policy, data, rows, network.probabilities(latents, observation))
    anchored = drawn.first[rows] & (drawn.known[rows] | (target.anchored == "all"))
    missing = _constraints(policy, data, rows[anchored], logits.flatten(2)[:, anchored])
    total = loss + target.anchor * (of_depth @ missing)
    total.backward()  # type: ignore[no-untyped-call]
    clip_gradients(network, settings.max_grad_norm)
    return loss.item(), missing[-1].item(), float(projected.mean())


def label_loss(logits: Tensor, label: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean of the cross-entropy of each edit: logits (kept, B, T), labels and weights (B, T) -> (kept,)."""
    each = functional.binary_cross_entropy_with_logits(logits, label.expand_as(logits), reduction="none")
    return (each * weight).sum((1, 2)) / weight.sum().clamp_min(1.0)


def _cost_loss(policy: EditPolicy, data: Labelled, rows: NDArray[np.int64], probabilities: Tensor) -> Tensor:
    """Huber loss of the costs of the edits taken, mean over the states of which one is known, (kept,)."""
    costs, taken = data.labels.costs, data.drawn.taken
    assert costs is not None and taken is not None
    visited = np.flatnonzero(rows < len(costs))
    known = visited[np.isfinite(costs[rows[visited]])]
    if not len(known):
        return probabilities.new_zeros(len(probabilities))
    states, goal = data.drawn.states.at(rows[known]), _tensor(costs[rows[known]], policy)
    actions = torch.as_tensor(taken.actions[rows[known]], device=policy.device)[:, None]
    said = [edit_costs(policy.mdp, each[known], states).gather(1, actions)[:, 0] for each in probabilities]
    each = functional.smooth_l1_loss(torch.stack(said), goal.expand(len(said), -1), reduction="none")
    return each.mean(1)


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
