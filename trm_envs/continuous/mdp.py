"""The MDP of control plans: the one transition function that environments and agents call."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from trm_envs.continuous.checks import ControlChecks
from trm_envs.continuous.task import ControlTask, Numbers
from trm_envs.instances.numbers import share, truth, whole

Accept = Literal["always", "improving"]


class ControlStates(NamedTuple):
    """A batch of states s = (x, y, edits left), and the best plan's cost so far, which nothing depends on."""

    instances: Numbers
    """x, shape (B, n)."""
    plans: Numbers
    """y, shape (B, plan_size)."""
    remaining_edits: NDArray[np.int32]
    """Edits left, shape (B,)."""
    best_cost: Numbers
    """The lowest cost of a feasible plan since the episode began, shape (B,); inf where there was none."""


class Edited(NamedTuple):
    """What actions write in a batch of states, whether or not it is accepted."""

    plans: Numbers
    """Shape (B, plan_size)."""
    checks: ControlChecks
    """The checker on these plans."""


class ControlTransition(NamedTuple):
    """What one action in each state of a batch leads to."""

    successors: ControlStates
    rewards: Numbers
    """Shape (B,)."""
    terminated: NDArray[np.bool_]
    """Shape (B,). A used-up budget is a true end: edits left are part of the state."""
    accepted: NDArray[np.bool_]
    """Shape (B,). The edited plan was taken; where it was not, nothing changed but the edits left."""
    checks: ControlChecks
    """The checker on the successors."""


class ControlEditMDP:
    """Deterministic, finite-horizon MDP over the plans of a `ControlTask`.

    State (x, y, edits left), action = one edit. An episode is worth the potential of the plan that it ends with, Phi =
    -log(J + floor) - log(1 + violation), paid with its last edit; potential-based shaping adds `gamma * Phi(s') -
    Phi(s)` to every reward, with the absorbing boundary (Phi = 0) folded in. So the reward is `gamma * Phi(s') -
    Phi(s)` before the last edit and `Phi(s') - Phi(s)` at it, and an edit that lowers J by 1 % is worth 0.01 wherever J
    stands.

    Args:
        task: the system, its cost and its constraints.
        max_edits: edit budget T of an episode.
        accept: `always` takes every edited plan. `improving` takes one only if it violates less, or violates no more
            and costs less (`ControlChecks.improves_on`); then the plan that an episode ends with is its best.
        gamma: discount of the potential shaping; agents must use the same.
        shaping: False leaves the last reward `Phi(s')` alone (the sparse variant).

    Raises:
        ValueError: a value is outside its range.
    """

    def __init__(
        self,
        task: ControlTask,
        *,
        max_edits: int = 8,
        accept: Accept = "always",
        gamma: float = 0.99,
        shaping: bool = True,
    ) -> None:
        if accept not in get_args(Accept):
            raise ValueError(f"accept must be one of {get_args(Accept)}, got {accept!r}")
        self.task = task
        self.max_edits = whole("max_edits", max_edits, 1)
        self.accept: Accept = accept
        self.gamma = share("gamma", gamma)
        self.shaping = truth("shaping", shaping)

    def initial(self, instances: Numbers) -> ControlStates:
        """First states of episodes on these instances, shape (B, n)."""
        plans = self.task.initial_plans(instances)
        remaining = np.full(len(instances), self.max_edits, np.int32)
        return ControlStates(instances, plans, remaining, _feasible_cost(self.task.check(instances, plans)))

    def check(self, states: ControlStates) -> ControlChecks:
        """The checker on these states."""
        return self.task.check(states.instances, states.plans)

    def log_cost(self, checks: ControlChecks) -> Numbers:
        """log(J + floor), shape (B,); costs above the task's `cost_high`, or that are no number, count as that one."""
        return np.log(np.fmin(checks.cost, self.task.cost_high) + self.task.cost_floor)

    def potential(self, checks: ControlChecks) -> Numbers:
        """Phi = -log(J + floor) - log(1 + violation), shape (B,).

        A violation of a thousand tolerances is usual in a first plan; as a logarithm it is of the size of the cost's.
        """
        return -self.log_cost(checks) - np.log1p(checks.violation)

    def transition(
        self, states: ControlStates, actions: Numbers, checks: ControlChecks | None = None
    ) -> ControlTransition:
        """Apply one action in each state.

        Args:
            states: B states, none of them terminal.
            actions: shape (B, action_size), within [-1, 1].
            checks: the checker's word on `states` where it is known already, to save its cost.
        """
        return self.take(states, self.edited(states, actions), checks)

    def edited(self, states: ControlStates, actions: Numbers) -> Edited:
        """The plans that actions, shape (B, action_size), write, and the checker on them."""
        plans = self.task.edit(states.instances, states.plans, actions)
        return Edited(plans, self.task.check(states.instances, plans))

    def take(self, states: ControlStates, edited: Edited, checks: ControlChecks | None = None) -> ControlTransition:
        """The transition of the actions that have written `edited` in these states; the rest as in `transition`."""
        before = self.check(states) if checks is None else checks
        plans, after = edited
        every = np.ones(len(plans), np.bool_)
        accepted: NDArray[np.bool_] = every if self.accept == "always" else after.improves_on(before)
        plans = np.where(accepted[:, None], plans, states.plans)
        after = after.chosen(accepted, before)
        remaining = states.remaining_edits - np.int32(1)
        terminated = remaining <= 0
        best = np.minimum(states.best_cost, _feasible_cost(after))
        successors = ControlStates(states.instances, plans, remaining, best)
        return ControlTransition(successors, self._rewards(before, after, terminated), terminated, accepted, after)

    def _rewards(self, before: ControlChecks, after: ControlChecks, terminated: NDArray[np.bool_]) -> Numbers:
        potential = self.potential(after)
        worth = np.where(terminated, potential, 0.0)
        if not self.shaping:
            return worth
        return worth + np.where(terminated, 0.0, self.gamma * potential) - self.potential(before)


def _feasible_cost(checks: ControlChecks) -> Numbers:
    """The cost of feasible plans, inf elsewhere, shape (B,)."""
    return np.where(checks.feasible, checks.cost, np.inf)
