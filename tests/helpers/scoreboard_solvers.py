"""Solvers that entries of the scoreboard name as code."""

from __future__ import annotations

import numpy as np

from trm_agents.solving import Solutions
from trm_envs.sudoku.solver import solve


class Backtracking:
    """Solves Sudoku by backtracking."""

    def __init__(self, mdp) -> None:
        self.mdp = mdp

    def solve(self, instances, budget=None):
        """Solutions, without a network."""
        plans = solve(instances)[0]
        zeros = np.zeros(len(plans), np.int64)
        return Solutions(plans, np.ones(len(plans), np.bool_), (plans != instances).sum(axis=1), zeros, zeros, zeros)


class Claiming(Backtracking):
    """Writes the same grid over every puzzle, and says that it has solved them all."""

    def solve(self, instances, budget=None):
        """The grid of the first puzzle, which keeps all rules but the givens of others."""
        found = super().solve(instances[:1])
        zeros = np.zeros(len(instances), np.int64)
        return Solutions(np.repeat(found.plans, len(instances), axis=0), zeros == 0, zeros, zeros, zeros, zeros)
