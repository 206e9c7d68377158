"""States of all ages that training goes on from: `Pool`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trm_agents.trc.memory import SIZE
from trm_envs.continuous.checks import ControlChecks
from trm_envs.continuous.mdp import ControlEditMDP, ControlStates
from trm_envs.continuous.task import Numbers
from trm_envs.episodes.rules import rows_of
from trm_envs.instances.sources import InstanceSource


class Ended(NamedTuple):
    """Episodes that restarts have ended, each of shape (k,)."""

    returns: Numbers
    """Sums of rewards."""
    ages: NDArray[np.int64]
    """Edits."""
    success: NDArray[np.bool_]
    """Whether the last plan is feasible and ends at the target."""


class Pool:
    """B states of the MDP and the latents that belong to them, each as many edits old as chance has let it become.

    Plain arrays: a saved pool goes on where it stood. Edits left are as many as an episode begins with, at every age.

    Args:
        mdp: the MDP.
        size: B.
        latents: shape of one state's latents, (2, tokens, width).
    """

    def __init__(self, mdp: ControlEditMDP, size: int, latents: tuple[int, ...]) -> None:
        self.size = size
        self.latents = np.zeros((size, *latents), np.float32)
        """z_L and z_H of each state."""
        self.memory = np.zeros((size, SIZE), np.float32)
        """What the policy remembers of refused edits."""
        self.ages = np.zeros(size, np.int64)
        """Edits that each state has seen."""
        self.returns = np.zeros(size)
        self.states: ControlStates | None = None
        self.checks: ControlChecks | None = None
        self.source_state: Any = None
        """What the source had learned when the pool was saved."""
        self._tickets: list[Any] = [None] * size
        self._mdp = mdp

    def restart(self, share: float, source: InstanceSource[np.float64], rng: np.random.Generator) -> Ended:
        """Put new instances in the place of states chosen by chance; in that of all where there are none yet.

        Args:
            share: probability that a state is replaced.
            source: where the instances come from; told how the episodes ended.
            rng: decides, and draws.
        """
        first = self.states is None
        rows = np.arange(self.size) if first else np.flatnonzero(rng.random(self.size) < share)
        ended = self._end(rows, source) if not first else Ended(np.empty(0), np.empty(0, np.int64), np.empty(0, bool))
        if len(rows):
            instances, tickets = source.draw_each([rng] * len(rows))
            states = self._mdp.initial(instances)
            self._replace(rows, states, self._mdp.check(states))
            self.latents[rows], self.memory[rows], self.ages[rows], self.returns[rows] = 0.0, 0.0, 0, 0.0
            for row, ticket in zip(rows.tolist(), tickets or [None] * len(rows), strict=True):
                self._tickets[row] = ticket
        return ended

    def advance(self, states: ControlStates, checks: ControlChecks, rewards: Numbers) -> None:
        """One more edit of every state has led here."""
        self.states = states._replace(remaining_edits=np.full(self.size, self._mdp.max_edits, np.int32))
        self.checks = checks
        self.ages += 1
        self.returns += rewards

    def abandon(self, source: InstanceSource[np.float64]) -> None:
        """Forget all states: nobody knows how their episodes would have gone."""
        for ticket in self._tickets:
            if ticket is not None:
                source.abandon(ticket)
        self._tickets = [None] * self.size
        self.states = self.checks = None

    def _end(self, rows: NDArray[np.int64], source: InstanceSource[np.float64]) -> Ended:
        assert self.checks is not None
        success = self.checks.success[rows]
        for row, solved in zip(rows.tolist(), success.tolist(), strict=True):
            if self._tickets[row] is not None:
                source.report(self._tickets[row], solved)
        return Ended(self.returns[rows], self.ages[rows], success)

    def _replace(self, rows: NDArray[np.int64], states: ControlStates, checks: ControlChecks) -> None:
        if self.states is None or self.checks is None:
            self.states, self.checks = states, checks
            return
        # Copies: what was handed out before stays as it is.
        self.states, self.checks = rows_of(self.states, slice(None)), rows_of(self.checks, slice(None))
        parts: tuple[NDArray[Any], ...] = (*self.states, *self.checks)
        news: tuple[NDArray[Any], ...] = (*states, *checks)
        for part, new in zip(parts, news, strict=True):
            part[rows] = new
