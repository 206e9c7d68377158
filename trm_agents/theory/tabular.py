"""Finite MDPs as arrays: what the exact equations are written on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class TabularMDP(ABC):
    """S states, A actions; illegal actions have reward zero and lead nowhere, and nothing follows a terminal.

    Policies are arrays of shape (S, A), float64, zero on illegal actions, each row summing to one; whatever else has
    this shape means nothing there.
    """

    rewards: Floats
    """r(s, a), shape (S, A)."""
    legal: NDArray[np.bool_]
    """Which actions policies may take, shape (S, A)."""
    gamma: float
    start: Floats
    """Distribution of the first state, shape (S,)."""
    steps_left: Floats
    """Most steps that can still be made from each state, shape (S,); inf where there is no end."""

    @property
    def horizon(self) -> float:
        """Most steps of an episode; inf where there is no end."""
        return float(self.steps_left.max())

    @abstractmethod
    def ahead(self, values: Floats) -> Floats:
        """E[v(s') | s, a] of values of shape (S,), zero past a terminal; shape (S, A)."""

    @abstractmethod
    def visits(self, policy: Floats) -> Floats:
        """Discounted visits d(s) = sum_t gamma^t P(s_t = s), shape (S,); they sum to 1 / (1 - gamma) at most."""

    @abstractmethod
    def accumulate(self, policy: Floats, costs: Floats, every: int = 1) -> Floats:
        """E[sum_j gamma^(jK) c(s_(jK)) | s_0 = s] under the policy, K = `every`: solves e = c + (gamma P)^K e.

        Args:
            policy: shape (S, A).
            costs: c, shape (S,).
            every: K >= 1.
        """


class DenseMDP(TabularMDP):
    """An MDP given by its transition probabilities, for small checks.

    Args:
        transitions: P(s' | s, a), shape (S, A, S); a row that sums to less than one ends the episode with the rest.
        rewards: shape (S, A).
        gamma: within [0, 1).
        start: shape (S,).

    Raises:
        ValueError: gamma is outside its range.
    """

    def __init__(self, transitions: Floats, rewards: Floats, gamma: float, start: Floats) -> None:
        if not 0.0 <= gamma < 1.0:
            raise ValueError(f"gamma must be within [0, 1), got {gamma}")
        self.transitions, self.rewards, self.gamma, self.start = transitions, rewards, gamma, start
        self.legal = np.ones(rewards.shape, np.bool_)
        self.steps_left = np.full(len(start), np.inf)

    def ahead(self, values: Floats) -> Floats:
        """One product."""
        out: Floats = self.transitions @ values
        return out

    def _under(self, policy: Floats) -> Floats:
        """Gamma P_pi, shape (S, S)."""
        out: Floats = self.gamma * np.einsum("sa,sat->st", policy, self.transitions)
        return out

    def visits(self, policy: Floats) -> Floats:
        """A linear solve."""
        return _solved((np.eye(len(self.start)) - self._under(policy)).T, self.start)

    def accumulate(self, policy: Floats, costs: Floats, every: int = 1) -> Floats:
        """A linear solve."""
        ahead = np.linalg.matrix_power(self._under(policy), every)
        return _solved(np.eye(len(self.start)) - ahead, costs)


def _solved(matrix: NDArray[np.floating[Any]], right: Floats) -> Floats:
    return np.asarray(np.linalg.solve(matrix, right), np.float64)
