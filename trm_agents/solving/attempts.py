"""Tries: thinking states over from several starting points, until the checker agrees with what is read."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import torch
from torch import Tensor

from trm_agents.recursion import RepairCommittee, RepairNetwork
from trm_agents.recursion import decoding as reading
from trm_agents.solving.attempt_states import afresh, guessed, half_written
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.spaces import states_of
from trm_envs.plan_edit.task import Grids

SOLVED = -1.0
"""In place of a doubt: the checker has seen the plan."""
CLUELESS = 0.5
"""Doubt from which on other starts are no use: a network that knows as little has yet to learn."""
GUESSES = (1, 2, 4, 8)
"""Cells that are guessed at, in turn: few leave the most to find out, and many the least."""


class Tries:
    """Tries of a network at states; see `RepairPolicy` for what they are for.

    Args:
        network: what thinks.
        mdp: what the checker belongs to.
        restarts: tries at a first state, but for that from z_0 = 0.
        unroll: inner steps of a try.
        refinements: tries in a row that are shown what the one before has read.
        guess_unroll: inner steps whose probabilities other tries are shown guesses by; 0: the state itself.
    """

    def __init__(
        self,
        network: RepairNetwork | RepairCommittee,
        mdp: PlanEditMDP,
        restarts: int,
        unroll: int,
        refinements: int,
        guess_unroll: int,
    ) -> None:
        self.network, self.mdp = network, mdp
        self.restarts, self.unroll, self.refinements, self.guess_unroll = restarts, unroll, refinements, guess_unroll
        self.calls = 0
        """States that the network was asked about, one for each try."""
        self.queries = 0
        """Plans that the checker was asked about."""

    @torch.no_grad()
    def best(self, observation: dict[str, Tensor], latent: Tensor | None) -> Tensor:
        """Latents to go on from: those that are carried, and where there is none, as in first states, the best try.

        Args:
            observation: of B states.
            latent: of each state, first dimension B; all zero, or None for all of them, where there is none.
        """
        rows = torch.arange(len(observation["plan"]), device=observation["plan"].device)
        if latent is not None:
            rows = rows[~latent.flatten(1).any(1)]
        least = torch.full((len(rows),), inf, device=rows.device)
        read, hints = observation["plan"][rows], None
        for number in range(self.restarts + 1):
            worth_it = (least > SOLVED) & ((least < CLUELESS) | (least == inf))
            unsure = torch.nonzero(worth_it).squeeze(1)
            if not len(unsure):
                break
            seen = {key: value[rows[unsure]] for key, value in observation.items()}
            if number and self.guess_unroll and hints is None:
                hints = self._hints(seen, unsure, len(rows))
            seen["plan"] = self._shown(seen, read[unsure], None if hints is None else hints[unsure], number)
            tried, doubt, plans = self.one(seen, self._start(number))
            read[unsure] = torch.from_numpy(plans).to(read).view_as(seen["plan"])
            if latent is None:
                latent = torch.zeros(len(rows), *tried.shape[1:], device=rows.device)
            elif number == 0:
                latent = latent.clone()
            better = doubt < least[unsure]
            latent[rows[unsure[better]]] = tried[better]
            least[unsure[better]] = doubt[better]
        assert latent is not None
        return latent

    def _start(self, number: int) -> int:
        """Whose point a try begins from: every other guess is thought about from z_0 = 0, as states in training are."""
        return 0 if self.guess_unroll and number // (self.refinements + 1) % 2 else number

    def _shown(self, seen: dict[str, Tensor], read: Tensor, hints: Tensor | None, number: int) -> Tensor:
        """The plans that a try is shown.

        Args:
            seen: observations of B states.
            read: what the try before has read of each.
            hints: probabilities to guess by, (B, n_cells, n_symbols); None: nothing is guessed.
            number: which try it is.
        """
        chain, turn = divmod(number, self.refinements + 1)
        if turn:
            return read if turn % 2 else half_written(seen["plan"], read, number)
        if hints is None:
            return seen["plan"]
        plans = guessed(self.mdp, hints, seen_states(seen), GUESSES[chain // 2 % len(GUESSES)], number)
        return torch.from_numpy(plans).to(read).view_as(read)

    def _hints(self, seen: dict[str, Tensor], rows: Tensor, count: int) -> Tensor:
        """Probabilities to guess these rows of `count` by: after few inner steps, a network is not yet so sure."""
        self.calls += len(rows)
        early = self.read(afresh(self.network, seen, [0] * len(rows), self.guess_unroll), seen)
        hints = torch.zeros(count, *early.shape[1:], device=early.device)
        hints[rows] = early
        return hints

    def one(self, observation: dict[str, Tensor], number: int) -> tuple[Tensor, Tensor, Grids]:
        """Latents of one try at these states, their doubt (`SOLVED` where their plan is), and these plans."""
        last = afresh(self.network, observation, [number] * len(observation["plan"]), self.unroll)
        self.calls += len(last)
        hits, states = self.read(last, observation), seen_states(observation)
        plans, doubt = reading.likeliest(self.mdp, hits, states), reading.doubt(self.mdp, hits, states)
        return last, torch.where(self._solve(plans, states).to(doubt.device), SOLVED, doubt), plans

    def go_on(self, observation: dict[str, Tensor], latent: Tensor, readout_steps: int) -> tuple[Tensor, Tensor]:
        """Probabilities p, and the latents to go on from: where the checker agrees with a latent, it is read as it is.

        Args:
            observation: of B states.
            latent: of each state.
            readout_steps: inner steps, counted from the last, that probabilities are averaged over where it thinks on.
        """
        hits, latent, states = self.read(latent, observation), latent.clone(), seen_states(observation)
        solved = self._solve(reading.likeliest(self.mdp, hits, states), states).to(hits.device)
        rows = torch.nonzero(~solved).squeeze(1)
        if len(rows):
            self.calls += len(rows)
            part = {key: value[rows] for key, value in observation.items()}
            hits[rows], latent[rows] = self.network.hits(part, latent[rows], readout_steps)
        return hits, latent

    @torch.no_grad()
    def guess(self, observation: dict[str, Tensor], numbers: Sequence[int]) -> Grids:
        """The plans that tries of these numbers read, one a state, (B, n_cells), int8; nobody checks them."""
        last = afresh(self.network, observation, numbers, self.unroll)
        return reading.likeliest(self.mdp, self.read(last, observation), seen_states(observation))

    def read(self, latent: Tensor, observation: dict[str, Tensor]) -> Tensor:
        """Probabilities p read from latents as they are, (B, n_cells, n_symbols)."""
        return self.network.probabilities(self.network.logits(latent[None], observation))[0]

    def _solve(self, plans: Grids, states: PlanStates) -> Tensor:
        """Whether the checker calls these plans solved, (B,)."""
        self.queries += len(plans)
        return torch.from_numpy(self.mdp.check(states._replace(plans=plans)).solved)


def seen_states(observation: dict[str, Tensor]) -> PlanStates:
    """The states that tensors of an observation show."""
    return states_of({key: value.cpu().numpy() for key, value in observation.items()})
