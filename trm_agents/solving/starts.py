"""Starts: passes from several initial latents before the first edit, until some are sure of the same plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trm_agents.solving import decoding
from trm_agents.solving.solver import DecodingPolicy, Tally, read, tensors_of
from trm_agents.solving.variations import initial_latents
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates


@dataclass(frozen=True)
class Starts:
    """How a policy settles on a plan before the first edit of an episode, by its own certainty.

    A latent may settle on something wrong, and others settle elsewhere. The network itself tells: where it is wrong, it
    mostly stays unsure of some cells. Pass 0 starts from z_0 = 0, others from fixed random latents. No network was
    trained from these, and some are sure of wrong plans there; but wrong plans differ. So a plan counts, and no further
    pass is made, once several passes are sure of it. Otherwise the plan counts that most passes are sure of, and among
    equals the surest. While the latent that is kept is sure of a plan that is not yet written, its edits are made
    without a further pass. The checker is asked nothing.

    PTRM (arXiv:2605.19943) chooses among several runs too, by a value that it learns for this; agreement is the
    self-consistency of Wang et al. (2023, arXiv:2203.11171).

    Args:
        most: passes at most.
        unroll: inner steps of each; None: as many as the policy takes.
        sure: a pass is sure of its plan where it expects less than this share of the editable cells to be wrong.
        agree: passes that have to be sure of the same plan.

    Raises:
        ValueError: a number is outside its range.
    """

    most: int = 64
    unroll: int | None = None
    sure: float = 0.005
    agree: int = 2

    def __post_init__(self) -> None:
        for name, count in (("most", self.most), ("unroll", self.unroll), ("agree", self.agree)):
            if count is not None and (type(count) is not int or count < 1):
                raise ValueError(f"{name} of Starts must be an integer of at least 1, got {count!r}")
        if not 0.0 < self.sure < 1.0:
            raise ValueError(f"sure of Starts must be above 0 and below 1, got {self.sure!r}")


class Carried(NamedTuple):
    """Latents of B states, and what they took."""

    latents: Tensor
    """Of these states, (B, ...)."""
    spent: Tally
    """Passes and inner steps of each."""


def carried(
    policy: DecodingPolicy,
    mdp: PlanEditMDP,
    states: PlanStates,
    starts: Starts,
    latents: Tensor | None,
    first: NDArray[np.bool_],
) -> Carried:
    """The latents that a policy acts by: those it settles on in first states, and those that it carries on in others.

    Args:
        policy: whose network takes the passes.
        mdp: what the states belong to.
        states: B states.
        starts: how it settles.
        latents: of the states before, (B, ...); None where all states are first ones.
        first: which states are, (B,).
    """
    count = len(states.plans)
    after = initial_latents(policy, 0, count) if latents is None else latents.clone()
    spent = Tally.of(count)
    if first.any():
        after[torch.as_tensor(first)] = _settle(policy, mdp, states, starts, spent, np.flatnonzero(first))
    going = np.flatnonzero(~first)
    if len(going):
        going = going[~_sure(policy, mdp, states.at(going), starts, after[torch.as_tensor(going)])]
    if len(going):
        chosen, unroll = torch.as_tensor(going), policy.carry_unroll or policy.unroll
        start = None if policy.carry_unroll is None else after[chosen]
        after[chosen] = policy.decoder.last(tensors_of(states.at(going), policy.device), start, unroll)
        spent.call(going, unroll)
    return Carried(after, spent)


def _settle(
    policy: DecodingPolicy,
    mdp: PlanEditMDP,
    states: PlanStates,
    starts: Starts,
    spent: Tally,
    rows: NDArray[np.int64],
) -> Tensor:
    """The latents that some of the states settle on, (b, ...); `spent` takes the passes."""
    best, unroll = initial_latents(policy, 0, len(rows)), starts.unroll or policy.unroll
    votes, least = np.full(len(rows), -1), np.full(len(rows), np.inf)
    sure_of: list[Counter[bytes]] = [Counter() for _ in rows]
    for number in range(starts.most):
        left = np.flatnonzero(votes < starts.agree)
        if not len(left):
            break
        seen, chosen = states.at(rows[left]), torch.as_tensor(left)
        observation = tensors_of(seen, policy.device)
        latents = policy.decoder.last(observation, initial_latents(policy, number, len(left)), unroll)
        spent.call(rows[left], unroll)
        probabilities = read(policy, latents, observation)
        unsure = decoding.uncertainty(mdp, probabilities, seen).cpu().numpy()
        plans = [plan.tobytes() for plan in decoding.likeliest_plans(mdp, probabilities, seen)]
        for row, plan, doubt in zip(left, plans, unsure, strict=True):
            sure_of[row][plan] += int(doubt < starts.sure)
        now = np.array([sure_of[row][plan] for row, plan in zip(left, plans, strict=True)])
        better = (now > votes[left]) | ((now == votes[left]) & (unsure < least[left]))
        best[chosen[torch.as_tensor(better)]] = latents[torch.as_tensor(better)]
        votes[left[better]], least[left[better]] = now[better], unsure[better]
    return best


def _sure(
    policy: DecodingPolicy, mdp: PlanEditMDP, states: PlanStates, starts: Starts, latents: Tensor
) -> NDArray[np.bool_]:
    """Whether latents are sure of a plan of which something is left to write, (B,)."""
    probabilities = read(policy, latents, tensors_of(states, policy.device))
    unsure = decoding.uncertainty(mdp, probabilities, states).cpu().numpy()
    left = decoding.likeliest_plans(mdp, probabilities, states) != states.plans
    found: NDArray[np.bool_] = (unsure < starts.sure) & left.any(1)
    return found


@contextmanager
def started(model: Any, starts: Starts | None) -> Iterator[None]:
    """Let the policy of a model settle by these starts, or take one pass an edit (None), and by its own afterwards.

    Raises:
        ValueError: there are starts, and it can have none.
    """
    policy = model.policy
    if starts is None and not hasattr(policy, "starts"):
        yield
        return
    if not hasattr(policy, "starts"):
        raise ValueError(
            f"a {type(policy).__name__} has no starts, only HindsightTRM's TokenPolicy has: leave them out"
        )
    own = policy.starts
    try:
        policy.starts = starts
        yield
    finally:
        policy.starts = own
