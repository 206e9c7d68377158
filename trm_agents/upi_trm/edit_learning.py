"""One iteration of UPITRM on the values of all edits: label them under a frozen snapshot, then fit the network."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from trm_agents.common.decoder_fitting import Decoded, decoded, gradient_step
from trm_agents.common.depths import TrainUnroll
from trm_agents.common.policy import as_tensors
from trm_agents.common.rollout import Rollout, Update
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


class Losses(NamedTuple):
    """Losses of a gradient step, or means over many."""

    edits: float
    constraints: float
    projected: float


def learn(
    policy: EditPolicy,
    experience: Experience,
    rollout: Rollout,
    settings: EditSettings,
    progress: float,
    steps_before: int,
    rng: np.random.Generator,
) -> Update:
    """Label the edits of as many states as the rollout has, under the averaged network as it is, and fit to them.

    Args:
        policy: its network is trained, and the average of its weights follows.
        experience: what states are drawn from.
        rollout: a full rollout of the deployed policy.
        settings: what the iteration depends on.
        progress: share of the training that is over.
        steps_before: gradient steps made before.
        rng: draws states, depths and the order of the batches.
    """
    queries, target = experience.add(rollout), settings.target
    drawn = experience.draw(rollout.n_steps * rollout.n_envs, target.first_states, target.horizon, rng)
    data = Labelled(drawn, target.labels(drawn, policy, rng, progress))
    defect = centring_defect(policy, drawn.states.at(slice(settings.batch_size)))
    history = fit(policy, data, settings, steps_before, rng)
    mean = Losses(*(float(value) for value in np.mean(history, axis=0)))
    log = {f"train/{name}": value for name, value in data.labels.log.items()} | {
        "train/edit_loss": mean.edits,
        "train/constraint_loss": mean.constraints,
        "train/centring_defect": defect,
        "recursion/projection_active": mean.projected,
    }
    return Update(len(history), queries + data.labels.queries, log)


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


def violation_loss(logits: Tensor, plans: Tensor, options: Tensor, required: Tensor) -> Tensor:
    """(sum over o in g of the share of o in its cell - 1)^2, mean over constraints g and states; shape (kept,).

    Constraints that are not required count where they are exceeded alone.

    Args:
        logits: (kept, B, n_cells, n_symbols).
        plans: (B, n_cells), 0 for a blank; a symbol that is written has a share of 1.
        options: of each constraint, (G, k), where -1 pads.
        required: (G,), bool.
    """
    written = functional.one_hot(plans.long(), logits.shape[3] + 1)[:, :, 1:].to(logits.dtype)
    shares = torch.where((plans > 0)[:, :, None], written, torch.softmax(logits, 3))
    excess = functional.pad(shares.flatten(2), (0, 1))[:, :, options].sum(3) - 1.0
    return torch.where(required, excess, excess.clamp_min(0.0)).square().mean((1, 2))


def fit(
    policy: EditPolicy, data: Labelled, settings: EditSettings, steps_before: int, rng: np.random.Generator
) -> list[Losses]:
    """Gradient steps over `n_epochs` passes through the labelled states."""
    policy.set_training_mode(True)
    history: list[Losses] = []
    for _ in range(settings.n_epochs):
        order = rng.permutation(len(data.drawn.first))
        for rows in np.array_split(order, max(1, round(len(order) / settings.batch_size))):
            loss, losses = _loss(policy, data, rows, settings, rng)
            number = steps_before + len(history) + 1
            gradient_step(policy, loss, settings.max_grad_norm, settings.ema_decay, number)
            history.append(losses)
    return history


def _loss(
    policy: EditPolicy, data: Labelled, rows: NDArray[np.int64], settings: EditSettings, rng: np.random.Generator
) -> tuple[Tensor, Losses]:
    """The loss of some of the states."""
    drawn, labels, target = data.drawn, data.labels, settings.target
    read = decoded(policy, drawn.states.at(rows), settings.train_unroll, settings.deep_supervision, rng)
    logits = read.logits.flatten(2)
    loss = read.of_depth @ label_loss(logits, *(_tensor(a[rows], policy) for a in (labels.label, labels.weight)))
    if labels.costs is not None:
        loss = loss + read.of_depth @ _cost_loss(policy, data, rows, read)
    if target.relaxes:
        plans = torch.from_numpy(drawn.states.plans[rows]).to(policy.device)
        missing = violation_loss(read.logits, plans, *_of_cover(policy))
    else:
        anchored = drawn.first[rows] & (drawn.known[rows] | (target.anchored == "all"))
        missing = _constraints(policy, data, rows[anchored], logits[:, anchored])
    total = loss + target.anchor * (read.of_depth @ missing)
    return total, Losses(loss.item(), missing[-1].item(), read.projected)


def label_loss(logits: Tensor, label: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean of the cross-entropy of each edit: logits (kept, B, T), labels and weights (B, T) -> (kept,)."""
    each = functional.binary_cross_entropy_with_logits(logits, label.expand_as(logits), reduction="none")
    return (each * weight).sum((1, 2)) / weight.sum().clamp_min(1.0)


def _cost_loss(policy: EditPolicy, data: Labelled, rows: NDArray[np.int64], read: Decoded) -> Tensor:
    """Huber loss of the costs of the edits taken, mean over the states of which one is known, (kept,)."""
    probabilities = policy.network.probabilities(read.latents, read.observation)
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
    of, (options, _) = data.labels.of, _of_cover(policy)
    needed = (of.met[rows] == 0) & policy.cover.required
    return constraint_loss(logits, _tensor(of.legal[rows], policy), _tensor(needed, policy), options)


def _of_cover(policy: EditPolicy) -> tuple[Tensor, Tensor]:
    """Options of each constraint, and which are required, on the policy's device."""
    cover = policy.cover
    return torch.from_numpy(cover.options).to(policy.device), torch.from_numpy(cover.required).to(policy.device)


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
