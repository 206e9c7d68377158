"""What the checker says of states and of their successors: potentials, and Q(s, a) by enumeration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.spaces import states_of
from trm_envs.plan_edit.task import Checks

Values = NDArray[np.float32]
StateValues = Callable[[PlanStates, NDArray[np.float64], NDArray[np.int64]], Values]
"""(successors, their potentials, rows of their sources) -> U, shape (M,)."""


class ActionValues(NamedTuple):
    """Values of all legal actions of B states; zero at illegal ones."""

    q: Values
    """Shape (B, n_actions), float32."""
    queries: int
    """Successors that were enumerated through the model."""


def enumerated(
    mdp: PlanEditMDP, states: PlanStates, checks: Checks, state_values: StateValues | None, checker_weight: float
) -> ActionValues:
    """Q(s, a) = r(s, a) + gamma [(1 - rho) U(s') + rho U_0] for all successors s' at once.

    U_0 = -C_max is the constant that every value starts from, that of the absorbing boundary. With rho = 1 the
    advantage is that of the one-step checker reward alone (stage 0); with rho = 0 it is that of the learned value.

    Args:
        mdp: the model.
        states: B non-terminal states.
        checks: the checker's word on them.
        state_values: U; None stands for U_0 everywhere.
        checker_weight: rho, within [0, 1].
    """
    rows, actions, transition = mdp.successors(states, checks)
    successors, rewards, terminated = transition.successors, transition.rewards, transition.terminated
    future = np.full(len(rows), -mdp.task.max_score, np.float64)
    if state_values is not None and checker_weight < 1.0:
        live = np.flatnonzero(~terminated)
        learned = state_values(successors.at(live), transition.checks.score[live], rows[live])
        future[live] = (1.0 - checker_weight) * learned + checker_weight * future[live]
    q = np.zeros((len(states.plans), mdp.n_actions), np.float32)
    q[rows, actions] = rewards + mdp.gamma * np.where(terminated, 0.0, future)
    return ActionValues(q, len(rows))


def potentials(
    mdp: PlanEditMDP | None, observation: dict[str, NDArray[Any]]
) -> tuple[NDArray[np.float64], Checks | None]:
    """Phi(s) of a batch, and the checker's whole word; zero where there is no checker or no shaping."""
    count = len(next(iter(observation.values())))
    if mdp is None:
        return np.zeros(count), None
    checks = mdp.check(states_of(observation))
    return checks.score if mdp.shaping else np.zeros(count), checks
