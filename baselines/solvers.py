"""Solvers of a trained model: what spends more than one pass an edit, with its cost in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol

from baselines.agents import facing, unrolled
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.task import Grids

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

    from trm_agents.solving import Solutions

SolverKind = Literal["attempts", "search", "views"]


class Solver(Protocol):
    """Looks for solved plans."""

    def solve(self, instances: Grids) -> Solutions:
        """What was found for instances of shape (n, n_cells), and at what cost."""
        ...


class ModelSolver:
    """A solver of a model, for the puzzles of one environment.

    Args:
        model: of a row that has solvers.
        mdp: the MDP that instances belong to.
        made: how attempts are made, keywords of `Attempts`; a search guesses as deep as they.
        kind: `attempts`, `search` or `views`.
        budget: attempts beyond the first, network calls of a search, or views of each state.
        unroll: inner steps n of the network in its passes, in place of its own.
    """

    def __init__(
        self,
        model: BaseAlgorithm,
        mdp: PlanEditMDP,
        made: Mapping[str, Any],
        kind: SolverKind,
        budget: int,
        unroll: int | None = None,
    ) -> None:
        from trm_agents.solving import Attempts, BestFirst, Views

        self.model, self.mdp, self.unroll = model, mdp, unroll
        if kind == "attempts":
            self.solver: Solver = Attempts(model, budget, mdp=mdp, **made)
        elif kind == "views":
            self.solver = Views(model, budget, mdp=mdp)
        else:
            self.solver = BestFirst(model, budget, guess_unroll=made.get("unroll"), mdp=mdp)

    def solve(self, instances: Grids) -> Solutions:
        """See `Solver`."""
        with unrolled(self.model, self.unroll), facing(self.model, self.mdp):
            return self.solver.solve(instances)
