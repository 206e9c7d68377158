"""Views: the policy, read from the mean of what the network says of several symmetric copies of each state."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trm_agents.solving import decoding
from trm_agents.solving.solver import Solutions, Tally, policy_of, read, tensors_of
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.task import Grids, PlanTask, Symmetries

DRAWS = 8
"""Symmetries that are drawn for each one that is needed: some are alike."""


class Views:
    """The policy edit by edit; each edit is chosen by the mean of the edit probabilities of several views of the state.

    A view is the state turned by one of the symmetries that the task declares; what the network says of it is turned
    back. The first view is the state itself. The others are drawn once, and are the same for every state, so an answer
    depends on nothing else in its batch. Each view of each state is a network call. The checker is asked nothing.

    Args:
        model: a `HindsightTRM`, or another model whose policy decodes plans.
        views: of each state, at least 2.
        mdp: the MDP that instances belong to; by default that of the model's policy.

    Raises:
        ValueError: there are fewer symmetries, the network says the same of all views, or it decodes no plans.
    """

    def __init__(self, model: Any, views: int = 8, *, mdp: PlanEditMDP | None = None) -> None:
        if views < 2:
            raise ValueError(f"views must be at least 2, got {views}: one is the policy alone")
        self.policy = policy_of(model)
        self.mdp = self.policy.mdp if mdp is None else mdp
        self.turns = symmetries_of(self.mdp.task, views - 1)
        if self.policy.alike and all(keeps_groups(self.mdp.task, turn) for turn in self.turns):
            raise ValueError(
                "all views of an exact-cover core are equal, since it commutes with these symmetries: views are for "
                "cores that know less, such as Attention() or Cells()"
            )

    @torch.no_grad()
    def solve(self, instances: Grids, budget: int | None = None) -> Solutions:
        """Edit the plan of each instance until it is solved.

        Args:
            instances: shape (n, n_cells), int8.
            budget: most network calls an instance; None: those of all edits.
        """
        mdp, states, tally = self.mdp, self.mdp.initial(instances), Tally.of(len(instances))
        views, most = 1 + len(self.turns), inf if budget is None else budget
        plans, solved, edits = states.plans.copy(), mdp.check(states).solved.copy(), np.zeros(len(instances), np.int64)
        alive, latents = np.arange(len(instances)), list[Tensor | None]([None] * views)
        while len(alive) and tally.calls[alive[0]] + views <= most:
            for view in range(views):
                tally.call(alive, self._steps(latents[view]))
            probabilities, latents = self._probabilities(states, latents)
            policy = decoding.edit_policy(mdp, probabilities, states, self.policy.beta)
            step = mdp.transition(states, decoding.greedy(policy, self.policy.beta).cpu().numpy())
            edits[alive] += 1
            plans[alive], solved[alive] = step.successors.plans, step.checks.solved
            going = np.flatnonzero(~step.terminated)
            alive, states = alive[going], step.successors.at(going)
            latents = [None if latent is None else latent[torch.as_tensor(going)] for latent in latents]
        edits = np.where(solved, edits, mdp.max_edits)
        return Solutions(plans, solved, edits, tally.calls, tally.inner_steps, tally.checks)

    def _steps(self, latent: Tensor | None) -> int:
        """Inner steps of a pass, from z_0 = 0 or from a carried latent."""
        return self.policy.unroll if latent is None else self.policy.carry_unroll or self.policy.unroll

    def _probabilities(self, states: PlanStates, latents: list[Tensor | None]) -> tuple[Tensor, list[Tensor | None]]:
        """Edit probabilities, the mean over views, (B, n_cells, n_symbols), and the latents that are carried on."""
        found, last = [], list[Tensor | None]()
        for latent, turn in zip(latents, (None, *self.turns), strict=True):
            seen = states if turn is None else turned(states, turn)
            observation = tensors_of(seen, self.policy.device)
            after = self.policy.decoder.last(observation, latent, self._steps(latent))
            said = read(self.policy, after, observation)
            found.append(said if turn is None else turned_back(self.mdp.task, said, states.plans, seen.plans, turn))
            last.append(None if self.policy.carry_unroll is None else after)
        return torch.stack(found).mean(0), last


def symmetries_of(task: PlanTask, count: int) -> list[Symmetries]:
    """Different symmetries of a task beside the identity, one row each; the same in every call.

    Raises:
        ValueError: the task declares fewer, or none so many were among those drawn.
    """
    drawn = task.symmetries(DRAWS * count, np.random.default_rng(0))
    keys = np.concatenate([drawn.cells, drawn.symbols], axis=1)
    identity = np.concatenate([np.arange(drawn.cells.shape[1]), np.arange(drawn.symbols.shape[1])])
    first = np.sort(np.unique(keys, axis=0, return_index=True)[1])
    others = [row for row in first.tolist() if (keys[row] != identity).any()]
    if len(others) < count:
        raise ValueError(
            f"{type(task).__name__} has {len(others)} symmetries beside the identity, too few for {count + 1} views"
        )
    return [drawn.at(slice(row, row + 1)) for row in others[:count]]


def keeps_groups(task: PlanTask, turn: Symmetries) -> bool:
    """Whether a symmetry turns the groups of each kind into each other, as a graph's always do."""
    # The content of cell `cells[j]` goes to cell j; padding stays padding.
    goes = np.append(np.argsort(turn.cells[0]), -1)
    return all(_as_sets(goes[groups]) == _as_sets(groups) for groups in task.groups.values())


def _as_sets(groups: NDArray[np.int64]) -> set[frozenset[int]]:
    return {frozenset(group) for group in groups.tolist()}


def turned(states: PlanStates, turn: Symmetries) -> PlanStates:
    """All states turned by one symmetry."""
    return states._replace(instances=turn.apply_to_instances(states.instances), plans=turn.apply(states.plans))


def turned_back(task: PlanTask, said: Tensor, plans: Grids, seen: Grids, turn: Symmetries) -> Tensor:
    """What was said of edits of turned states as edits of the states themselves.

    Args:
        task: what the states belong to.
        said: of the turned states, (B, n_cells, n_symbols).
        plans: of the states, (B, n_cells).
        seen: plans of the turned states, (B, n_cells).
        turn: the symmetry, one row.
    """
    cells = turn.cells[0]
    writes = task.writes(plans)[:, cells].astype(np.int64)
    # Edits of a cell write different values: equal ranks belong to equal values.
    wanted = np.argsort(np.argsort(turn.symbols[0][writes], axis=2), axis=2)
    index = np.take_along_axis(np.argsort(task.writes(seen), axis=2), wanted, axis=2)
    back = torch.empty_like(said)
    back[:, torch.as_tensor(cells)] = said.gather(2, torch.as_tensor(index, device=said.device))
    return back
