"""Repeated decoding: whole plans from other initial latents, until the checker accepts one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trm_agents.solving import decoding
from trm_agents.solving.solver import Solutions, Tally, policy_of, read, tensors_of
from trm_agents.solving.starts import Starts, carried
from trm_agents.solving.variations import Before, Restarts, Variation, initial_latents
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.spaces import states_of
from trm_envs.plan_edit.task import Grids

MAX_UNCERTAINTY = 0.5
"""Uncertainty of a first attempt from which others are no use: a network that knows as little has yet to learn."""
ACCEPTED = -1.0
"""In place of an uncertainty: the checker has accepted the plan."""

Rows = NDArray[np.int64]


@dataclass
class _Decoded:
    """The best attempt at each of B states."""

    latents: Tensor
    """Its last latent, (B, ...)."""
    plans: Grids
    """The plan that it decodes, (B, n_cells)."""
    uncertainty: NDArray[np.float32]
    """How uncertain that plan is, or `ACCEPTED`; (B,)."""

    @property
    def accepted(self) -> NDArray[np.bool_]:
        """Whether the checker has accepted the plan, (B,)."""
        accepted: NDArray[np.bool_] = self.uncertainty == ACCEPTED
        return accepted


class Attempts:
    """Decode a whole plan before the first edit, show it to the checker, and try again where it is refused.

    Attempt 0 is the policy's own: it starts from z_0 = 0, or settles as the policy's `starts` say. Up to `attempts`
    further ones start from fixed random latents, or see another plan (`by`). The first plan that the checker accepts is
    written. Where it accepts none, the policy edits the plan cell by cell: in every state the plan that the last latent
    decodes is checked, and where it is refused the network is called again, from that latent where latents are carried.
    The first is that of the least uncertain attempt. No environment step is made and no solution label is used. `solve`
    counts network calls, inner steps and checks; `predict` acts in an environment.

    Args:
        model: a `HindsightTRM`, or another model whose policy decodes plans.
        attempts: further attempts, at least 0.
        unroll: inner steps of each attempt; None: as many as the policy takes. More help where the network was trained
            deeper than that, as on 9x9 Sudoku and mazes (`presets.attempts`).
        by: what makes attempts different: `Restarts()`, `Refinements(k)` or `Guesses(early_unroll)`.
        carry_unroll: inner steps from a carried latent, once the plan is edited cell by cell; None: as the policy does,
            which may start every state from z_0 = 0.
        mdp: the MDP that instances belong to; by default that of the model's policy.

    Raises:
        ValueError: a number is outside its range, or the model's policy decodes no plans.
    """

    def __init__(
        self,
        model: Any,
        attempts: int = 127,
        *,
        unroll: int | None = None,
        by: Variation = Restarts(),  # noqa: B008  # frozen
        carry_unroll: int | None = None,
        mdp: PlanEditMDP | None = None,
    ) -> None:
        if attempts < 0:
            raise ValueError(f"attempts must be at least 0, got {attempts}")
        for name, steps in (("unroll", unroll), ("carry_unroll", carry_unroll)):
            if steps is not None and steps < 1:
                raise ValueError(f"{name} must be at least 1 or None, got {steps}")
        self.policy = policy_of(model)
        self.attempts, self.unroll, self.by = attempts, unroll or self.policy.unroll, by
        self.carry_unroll = self.policy.carry_unroll if carry_unroll is None else carry_unroll
        self.mdp = self.policy.mdp if mdp is None else mdp
        self.starts: Starts | None = getattr(self.policy, "starts", None)

    @torch.no_grad()
    def solve(self, instances: Grids, budget: int | None = None) -> Solutions:
        """Look for a solved plan of each instance.

        Args:
            instances: shape (n, n_cells), int8.
            budget: most network calls an instance; None: all attempts and then an episode's edits.
        """
        mdp, states, tally = self.mdp, self.mdp.initial(instances), Tally.of(len(instances))
        most = inf if budget is None else budget
        best, starts = self._attempt(states, tally, most), states.plans
        solved = best.accepted & ((best.plans != starts).sum(1) <= mdp.max_edits)
        plans = np.where(solved[:, None], best.plans, starts)
        alive = np.flatnonzero(~solved & (tally.calls < most))
        states, latents = states.at(alive), best.latents[torch.as_tensor(alive)]
        while len(alive):
            policy, latents = self._continue(states, latents, tally, alive)
            step = mdp.transition(states, decoding.greedy(policy, self.policy.beta).cpu().numpy())
            plans[alive], solved[alive] = step.successors.plans, step.checks.solved
            going = np.flatnonzero(~step.terminated & (tally.calls[alive] < most))
            alive, states, latents = alive[going], step.successors.at(going), latents[torch.as_tensor(going)]
        edits = np.where(solved, (plans != starts).sum(1), mdp.max_edits).astype(np.int64)
        return Solutions(plans, solved, edits, tally.calls, tally.inner_steps, tally.checks)

    @torch.no_grad()
    def predict(
        self,
        observation: dict[str, NDArray[Any]],
        state: tuple[NDArray[Any], ...] | None = None,
        episode_start: NDArray[Any] | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], tuple[NDArray[Any], ...]]:
        """One action a state, as the `predict` of SB3; attempts are made where an episode starts.

        Args:
            observation: of one environment, or of B with a first dimension.
            state: what the call before returned; None where episodes start.
            episode_start: which episodes have just started, shape (B,); by default none, once there is a state.
            deterministic: the best action, not a sampled one.
        """
        batched = observation["plan"].ndim > 1
        states = states_of(observation if batched else {key: np.asarray(v)[None] for key, v in observation.items()})
        count = len(states.plans)
        starting = np.zeros(count, np.bool_) if episode_start is None else np.asarray(episode_start, np.bool_)
        rows, tally = np.flatnonzero(starting | (state is None)), Tally.of(count)
        latents = initial_latents(self.policy, 0, count) if state is None else torch.as_tensor(state[0]).clone()
        if len(rows):
            latents[rows] = self._attempt(states.at(rows), Tally.of(len(rows)), inf).latents
        policy, latents = self._continue(states, latents, tally, np.arange(count))
        chosen = decoding.greedy(policy, self.policy.beta) if deterministic else torch.multinomial(policy, 1)[:, 0]
        actions = chosen.cpu().numpy()
        return actions if batched else actions[0], (latents.cpu().numpy(),)

    def _attempt(self, states: PlanStates, tally: Tally, most: float) -> _Decoded:
        """All attempts at first states, the best of each; `most` bounds network calls."""
        count, early = len(states.plans), None
        best = _Decoded(initial_latents(self.policy, 0, count), states.plans.copy(), np.full(count, inf, np.float32))
        decoded = states.plans.copy()
        for number in range(self.attempts + 1):
            promising = (best.uncertainty < MAX_UNCERTAINTY) | (number == 0)
            rows = np.flatnonzero(promising & ~best.accepted & (tally.calls < most))
            if number == 1 and len(rows) and self.by.early_unroll is not None:
                early = self._early(states, rows, tally, self.by.early_unroll)
                rows = rows[tally.calls[rows] < most]
            if not len(rows):
                break
            seen = states.at(rows)
            if number:
                before = Before(seen, decoded[rows], None if early is None else early[torch.as_tensor(rows)])
                seen = seen._replace(plans=self.by.plans(self.mdp, number, before))
            if number == 0 and self.starts is not None:
                tried = self._settled(seen, self.starts, tally, rows, most)
            else:
                tried = self._one(seen, self._latent_number(number))
                tally.call(rows, self.unroll)
            tally.checks[rows] += 1
            decoded[rows] = tried.plans
            better = tried.uncertainty < best.uncertainty[rows]
            best.latents[torch.as_tensor(rows[better])] = tried.latents[torch.as_tensor(better)]
            best.plans[rows[better]] = tried.plans[better]
            best.uncertainty[rows[better]] = tried.uncertainty[better]
        return best

    def _latent_number(self, attempt: int) -> int:
        """Which initial latent an attempt starts from: beside 0, none of those that the policy's starts were from."""
        number = self.by.latent_number(attempt) if attempt else 0
        return number if number == 0 or self.starts is None else number + self.starts.most - 1

    def _one(self, states: PlanStates, number: int) -> _Decoded:
        """One attempt from the initial latent of this number."""
        observation = tensors_of(states, self.policy.device)
        first = initial_latents(self.policy, number, len(states.plans))
        return self._judged(self.policy.decoder.last(observation, first, self.unroll), states)

    def _settled(self, states: PlanStates, starts: Starts, tally: Tally, rows: Rows, most: float) -> _Decoded:
        """The attempt that the policy's own starts make, within the network calls that there may be."""
        within = replace(starts, most=int(min(starts.most, most)))
        latents, spent = carried(self.policy, self.mdp, states, within, None, np.ones(len(rows), np.bool_))
        tally.calls[rows] += spent.calls
        tally.inner_steps[rows] += spent.inner_steps
        return self._judged(latents, states)

    def _judged(self, latents: Tensor, states: PlanStates) -> _Decoded:
        """What latents of these states decode, and whether the checker accepts it."""
        observation = tensors_of(states, self.policy.device)
        probabilities = read(self.policy, latents, observation)
        plans, solved = self._decode(probabilities, states)
        uncertain = decoding.uncertainty(self.mdp, probabilities, states).cpu().numpy()
        return _Decoded(latents, plans, np.where(solved, np.float32(ACCEPTED), uncertain))

    def _early(self, states: PlanStates, rows: Rows, tally: Tally, unroll: int) -> Tensor:
        """Edit probabilities of a short pass, (B, n_cells, n_symbols); zero in other rows."""
        observation = tensors_of(states.at(rows), self.policy.device)
        found = read(self.policy, self.policy.decoder.last(observation, None, unroll), observation)
        tally.call(rows, unroll)
        early = found.new_zeros(len(states.plans), *found.shape[1:])
        early[torch.as_tensor(rows)] = found
        return early

    def _continue(self, states: PlanStates, latents: Tensor, tally: Tally, rows: Rows) -> tuple[Tensor, Tensor]:
        """The policy in these states, (B, n_actions), and their latents.

        Where the decoded plan is accepted, nothing but its edits has a probability: among equally good edits the policy
        may prefer another plan's. Where it is refused, a new pass is made. `rows` are the states' places in the tally.
        """
        observation = tensors_of(states, self.policy.device)
        probabilities, latents = read(self.policy, latents, observation), latents.clone()
        plans, accepted = self._decode(probabilities, states)
        refused = np.flatnonzero(~accepted)
        tally.checks[rows] += 1
        if len(refused):
            chosen = torch.as_tensor(refused)
            part = {key: value[chosen] for key, value in observation.items()}
            start = None if self.carry_unroll is None else latents[chosen]
            unroll = self.carry_unroll or self.policy.unroll
            latents[chosen] = self.policy.decoder.last(part, start, unroll)
            probabilities[chosen] = read(self.policy, latents[chosen], part)
            tally.call(rows[refused], unroll)
        policy = decoding.edit_policy(self.mdp, probabilities, states, self.policy.beta)
        # An accepted plan is written, even where another edit is as good to rounding.
        towards = torch.from_numpy(decoding.edits_towards(self.mdp, states, plans) & accepted[:, None])
        narrowed = torch.where(towards.to(policy.device), policy, 0.0)
        return torch.where(narrowed.any(1, keepdim=True), narrowed, policy), latents

    def _decode(self, probabilities: Tensor, states: PlanStates) -> tuple[Grids, NDArray[np.bool_]]:
        """The likeliest plans, (B, n_cells), and whether the checker accepts them, (B,)."""
        plans = decoding.likeliest_plans(self.mdp, probabilities, states)
        return plans, self.mdp.check(states._replace(plans=plans)).solved
