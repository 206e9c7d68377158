"""Terminal costs and sets of receding-horizon control: what makes a plan that can be continued worth its cost."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trm_envs.continuous.task import Numbers
from trm_envs.control import kernels
from trm_envs.control.linear import lqr
from trm_envs.control.quadratic import QuadraticTask
from trm_envs.control.systems import System

_LONG = 1000
"""Riccati steps after which the gains no longer change."""
_DIRECTIONS, _RADII, _HALVINGS = 360, 60, 40
"""Grid on which the decrease is checked, and bisections of its size."""
SLACK = 0.1
"""Share by which the terminal cost is larger than the Riccati cost of the linearised system."""


class Terminal(NamedTuple):
    """A feedback u = -gain . x, a terminal cost F(x) = x' matrix x, and the set F(x) <= level where both hold good.

    In the set |gain . x| <= u_max, and F(f(x, -gain . x)) <= F(x) - l(x, -gain . x) for the stage cost l: so the set is
    invariant under the feedback, and whatever ends in it can go on at no more than F.
    """

    gain: Numbers
    """Shape (2,)."""
    matrix: Numbers
    """Shape (2, 2)."""
    level: float

    def cost(self, states: Numbers) -> Numbers:
        """F(x) of states, shape (B, 2), shape (B,)."""
        found: Numbers = np.einsum("bi,ij,bj->b", states, self.matrix, states)
        return found


def terminal(system: System, mu: float = 0.0) -> Terminal:
    """A terminal cost from the infinite Riccati recursion at the target, and the largest set found for it.

    F is the Riccati cost times 1 + `SLACK`, so that of a linear system falls by more than the stage cost, everywhere.
    The bound of the control limits the set. Where the system is not linear, the set is shrunk until the decrease holds
    on a grid of directions and sizes, with half of the slack to spare: a dense check, no proof between its points.

    Args:
        system: whose constants.
        mu: of Van der Pol.
    """
    stationary = lqr(replace(system, horizon=_LONG), mu)
    gain, riccati = stationary.gains[0], stationary.values[0]
    level = system.u_max**2 / float(gain @ np.linalg.solve(riccati, gain))
    matrix, level = (1.0 + SLACK) * riccati, (1.0 + SLACK) * level
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        share = (low + high) / 2.0
        tried = Terminal(gain, matrix, share * level)
        low, high = (share, high) if (decrease(system, tried, mu) <= 0.0).all() else (low, share)
    return Terminal(gain, matrix, low * level)


def decrease(system: System, found: Terminal, mu: float = 0.0) -> Numbers:
    """F(f(x, -K x)) - F(x) + (1 + SLACK / 2) l(x, -K x) on a grid of the set, shape (points,); not positive is good."""
    angles = np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS  # the other half is symmetric
    circle = np.stack([np.cos(angles), np.sin(angles)])
    edge = np.linalg.solve(np.linalg.cholesky(found.matrix).T, circle).T * np.sqrt(found.level)
    states = (edge[None] * np.linspace(0.02, 1.0, _RADII)[:, None, None]).reshape(-1, 2)
    controls = -states @ found.gain
    instances = np.concatenate([states, np.full((len(states), 1), mu)], axis=1)
    after = kernels.steps(system.kind, system.time_step, instances, states, controls)
    spent = (1.0 + SLACK / 2.0) * stage_costs(system, states, controls)
    change: Numbers = found.cost(after) - found.cost(states) + spent
    return change


def stage_costs(system: System, states: Numbers, controls: Numbers) -> Numbers:
    """l(x, u) of states, shape (B, 2), and controls, shape (B,)."""
    q_p, q_v, r = system.weights[:3]
    cost: Numbers = q_p * states[:, 0] ** 2 + q_v * states[:, 1] ** 2 + r * controls**2
    return cost


class Valued(NamedTuple):
    """What plans are worth in receding-horizon control, each of shape (B,)."""

    values: Numbers
    """V(x, u): the stage costs of the plan, and F of the state that it ends in."""
    feasible: NDArray[np.bool_]
    """Whether it ends in the terminal set, within the bound of the control."""


def value(task: QuadraticTask, found: Terminal, instances: Numbers, plans: Numbers) -> Valued:
    """V of plans, and whether they may be taken."""
    last = task.simulate(instances, plans).states[:, -1]
    ends = task.system.weights[3] * last[:, 0] ** 2 + task.system.weights[4] * last[:, 1] ** 2
    checks, cost = task.check(instances, plans), found.cost(last)
    return Valued(checks.cost - ends + cost, checks.feasible & (cost <= found.level))


def continued(task: QuadraticTask, found: Terminal, before: Numbers, plans: Numbers, now: Numbers) -> Numbers:
    """The rest of plans and one step of the terminal feedback, from the states that are there now, shape (B, N).

    Without noise that is the shifted plan with its tail. With noise, the terminal feedback leads back to the path that
    was planned.

    Args:
        task: the system.
        found: the terminal feedback.
        before: instances that the plans were made for, shape (B, n).
        plans: shape (B, N).
        now: instances one step later, shape (B, n).
    """
    path = task.simulate(before, plans).states
    references = np.concatenate([path[:, 1:-1], np.zeros((len(plans), 1, 2))], axis=1)
    feedforward = np.concatenate([plans[:, 1:], np.zeros((len(plans), 1))], axis=1)
    return _played(task, found, now, feedforward, references)


def regulated(task: QuadraticTask, found: Terminal, instances: Numbers) -> Numbers:
    """Plans that the terminal feedback writes from a state, clipped to the bounds, shape (B, N)."""
    nothing = np.zeros((len(instances), task.horizon))
    return _played(task, found, instances, nothing, np.zeros((*nothing.shape, 2)))


def _played(
    task: QuadraticTask, found: Terminal, instances: Numbers, feedforward: Numbers, references: Numbers
) -> Numbers:
    system = task.system
    gains = np.tile(-found.gain, (*feedforward.shape, 1))
    return kernels.play(system.kind, system.time_step, instances, feedforward, gains, references, system.u_max)
