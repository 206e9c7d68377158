"""How further attempts at a state differ from the first: initial latents, and what plan the network sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trm_agents.solving import decoding
from trm_agents.solving.solver import DecodingPolicy
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.task import Grids

GUESSED_CELLS = (1, 2, 4, 8)
"""Cells that are guessed, in turn: few keep the guess likely, many change the most."""
_LEAST = 1e-6
"""Uncertainty of a cell at least: where the network is sure of all cells, each may be guessed."""


class Before(NamedTuple):
    """What is known of B states when a further attempt begins."""

    states: PlanStates
    decoded: Grids
    """The plans that the attempt before has decoded, (B, n_cells)."""
    early: Tensor | None
    """Edit probabilities after `early_unroll` inner steps from z_0 = 0, (B, n_cells, n_symbols)."""


class Variation(Protocol):
    """What makes each attempt different; attempt 0 sees the state itself, from z_0 = 0."""

    @property
    def early_unroll(self) -> int | None:
        """Inner steps of the pass whose probabilities `plans` needs; None where it needs none."""
        ...

    def latent_number(self, attempt: int) -> int:
        """Which initial latent an attempt starts from, see `initial_latent`."""
        ...

    def plans(self, mdp: PlanEditMDP, attempt: int, before: Before) -> Grids:
        """The plans that the network sees in an attempt, (B, n_cells), int8."""
        ...


@dataclass(frozen=True)
class Restarts:
    """Every attempt sees the state itself and starts from another fixed random latent."""

    @property
    def early_unroll(self) -> None:
        """No probabilities are needed."""
        return None

    def latent_number(self, attempt: int) -> int:
        """Each attempt its own."""
        return attempt

    def plans(self, mdp: PlanEditMDP, attempt: int, before: Before) -> Grids:
        """The state's own plan."""
        return before.states.plans


@dataclass(frozen=True)
class Refinements:
    """After each attempt that sees the state itself, some see what the attempt before has decoded.

    They see all of it, and half of its cells, in turn. A network that was trained on its own mistakes may see better
    what is wrong with a plan than what is right.

    Args:
        in_a_row: refinements after each attempt from scratch, at least 1.
    """

    in_a_row: int

    def __post_init__(self) -> None:
        if self.in_a_row < 1:
            raise ValueError(f"in_a_row must be at least 1, got {self.in_a_row}: use Restarts() for none")

    @property
    def early_unroll(self) -> None:
        """No probabilities are needed."""
        return None

    def latent_number(self, attempt: int) -> int:
        """Each attempt its own."""
        return attempt

    def plans(self, mdp: PlanEditMDP, attempt: int, before: Before) -> Grids:
        """The state's plan, or what was decoded, or half of that."""
        turn = attempt % (self.in_a_row + 1)
        if turn == 0:
            return before.states.plans
        return before.decoded if turn % 2 else half_written(before.states.plans, before.decoded, attempt)


@dataclass(frozen=True)
class Guesses:
    """Attempts see the state with 1, 2, 4 or 8 uncertain cells filled in at random, by their early probabilities.

    Every second attempt starts from z_0 = 0, as all states do in training: after long training, other initial latents
    may no longer settle.

    Args:
        early_unroll: inner steps of the pass whose probabilities cells are filled in by: few, as a deep pass is too
            sure of itself.
    """

    early_unroll: int = 20

    def __post_init__(self) -> None:
        if self.early_unroll < 1:
            raise ValueError(f"early_unroll must be at least 1, got {self.early_unroll}")

    def latent_number(self, attempt: int) -> int:
        """0 for every second attempt, else its own."""
        return 0 if attempt % 2 else attempt

    def plans(self, mdp: PlanEditMDP, attempt: int, before: Before) -> Grids:
        """The state's plan with some cells guessed."""
        assert before.early is not None
        cells = GUESSED_CELLS[attempt // 2 % len(GUESSED_CELLS)]
        return guessed(mdp, before.early, before.states, cells, attempt)


def initial_latent(number: int, shape: tuple[int, ...], radius: float | None) -> Tensor:
    """The initial latent of this number: 0 is zero, others are random points, the same for every state.

    So an attempt depends on nothing else in its batch. With a projection, points lie on its sphere.
    """
    if number == 0:
        return torch.zeros(shape)
    point = torch.randn(shape, generator=torch.Generator().manual_seed(number))
    return point if radius is None else point * (radius / point.norm())


def initial_latents(policy: DecodingPolicy, number: int, count: int) -> Tensor:
    """The initial latent of this number for each of some states, (count, ...), of the policy's network."""
    decoder = policy.decoder
    latent = initial_latent(number, decoder.latent_shape, decoder.radius).to(policy.device)
    return latent.expand(count, *latent.shape).clone()


def half_written(plans: Grids, decoded: Grids, attempt: int) -> Grids:
    """Plans with half of the cells as they were decoded; which cells depends on the attempt alone.

    Args:
        plans: of B states, (B, n_cells).
        decoded: what is written, (B, n_cells).
        attempt: its number chooses the cells.
    """
    chosen = torch.rand(plans.shape[1], generator=torch.Generator().manual_seed(attempt)) < 0.5
    return np.where(chosen.numpy(), decoded, plans)


def guessed(mdp: PlanEditMDP, probabilities: Tensor, states: PlanStates, cells: int, attempt: int) -> Grids:
    """Plans in which some cells are filled in at random, (B, n_cells), int8.

    Cells are drawn by their uncertainty, without replacement, and what is written there by its probability. The draws
    depend on the attempt alone and are the same for every state.

    Args:
        mdp: what the states belong to.
        probabilities: p, (B, n_cells, n_symbols).
        states: B states.
        cells: cells to guess, at least 1; fewer where fewer can be edited.
        attempt: its number seeds the draws.
    """
    written, plans, rows = mdp.task.writes(states.plans), states.plans.copy(), np.arange(len(states.plans))
    allowed = decoding.editable(mdp, probabilities, states).cpu().numpy()
    uncertain = decoding.cell_uncertainty(mdp, probabilities, states).cpu().numpy()
    chances = np.where(allowed, np.maximum(uncertain, _LEAST), 0.0)
    likely = probabilities.cpu().numpy()
    for where, what in np.random.default_rng(attempt).random((cells, 2)):
        cell, any_cell = _drawn(chances / np.maximum(chances.sum(1, keepdims=True), _LEAST), where)
        symbol, any_symbol = _drawn(likely[rows, cell], what)
        chosen = any_cell & any_symbol
        plans[rows[chosen], cell[chosen]] = written[rows[chosen], cell[chosen], symbol[chosen]]
        chances[rows, cell] = 0.0
    return plans


def _drawn(probabilities: NDArray[np.floating[Any]], quantile: float) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """The column at this quantile of each row, and whether there is one: rows may sum to less than 1."""
    index = (probabilities.cumsum(1) <= quantile).sum(1)
    last = probabilities.shape[1] - 1
    return np.minimum(index, last), index <= last
