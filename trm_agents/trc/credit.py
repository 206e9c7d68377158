"""What an edit is worth, and how that changes with the action: from the adjoint, or from costs alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from trm_envs.continuous.edits import WINDOW, window_columns
from trm_envs.continuous.mdp import ControlEditMDP, ControlStates, Edited
from trm_envs.continuous.task import Numbers
from trm_envs.control import kernels
from trm_envs.control.descent import CHANGE, LOG_TIME, DescentTask
from trm_envs.control.lander import VEHICLE
from trm_envs.control.quadratic import GAIN, QuadraticTask
from trm_envs.episodes.rules import rows_of

CreditKind = Literal["adjoint", "antithetic"]

_ASIDE = 0.1
"""How far aside other flight times are tried, as an action has them."""
_URGENCY = 0.3
"""The largest derivative by the flight time where a plan does not land: of the size of those where it does."""


class Credit(NamedTuple):
    """The loss of one action in each state of a batch, and its gradient."""

    losses: Numbers
    """-Phi of the edited plan, log(J + floor) where it is feasible, shape (B,)."""
    gradients: Numbers
    """d losses / d actions, or an estimate of it, shape (B, action_size)."""
    edited: Edited
    """What the action has written."""
    simulations: int
    """Plans that the checker has judged for it; an adjoint counts as one more."""


def losses_of(mdp: ControlEditMDP, states: ControlStates, actions: Numbers) -> Numbers:
    """-Phi of the plans that actions write, whether or not the MDP would accept them, shape (B,)."""
    return -mdp.potential(mdp.edited(states, actions).checks)


def adjoint_credit(mdp: ControlEditMDP, states: ControlStates, actions: Numbers) -> Credit:
    """Losses, and their gradients through the simulator by its adjoint.

    Where a bound clips a control, the derivative that leads back inside is kept: the exact one is 0, and nothing would
    be learned from it. Powered descent restores what an edit writes; its gradients are those through that.
    """
    task = mdp.task
    if isinstance(task, DescentTask):
        return _descent_credit(mdp, task, states, actions)
    assert isinstance(task, QuadraticTask)
    edited = mdp.edited(states, actions)
    plans, checks = edited
    of_cost = (_feedback_gradient if task.kind == "feedback" else _plan_gradient)(task, states, actions, plans)
    # Costs beyond the largest that is told apart lead back as well.
    slope = 1.0 / (np.fmin(checks.cost, task.cost_high) + task.cost_floor)
    return Credit(-mdp.potential(checks), slope[:, None] * of_cost, edited, 2 * len(plans))


def _descent_credit(mdp: ControlEditMDP, task: DescentTask, states: ControlStates, actions: Numbers) -> Credit:
    """Credit of a `plan` or `window` edit of powered descent, through its restoration.

    An edit that does not land has no such gradient. What it lacks is flight time, or there is too much of it: its loss
    at two other flight times says which.
    """
    edited = mdp.edited(states, actions)
    plans, checks = edited
    slope = 1.0 / (np.fmin(checks.cost, task.cost_high) + task.cost_floor)
    gradients = slope[:, None] * task.restored_gradient(states.instances, plans).projected
    gradients[:, :-1] *= CHANGE * VEHICLE.thrust_high
    gradients[:, -1] *= LOG_TIME * plans[:, -1]
    if task.kind == "window":
        windows = _in_window(gradients[:, :-1], actions[:, :-1], task)
        gradients = np.concatenate([windows, gradients[:, -1:]], axis=1)
    lost = np.flatnonzero(~checks.feasible)
    gradients[lost] = 0.0
    if len(lost):
        sides = np.zeros((2, len(lost), actions.shape[1]))
        sides[:, :, -1] = [[-_ASIDE], [_ASIDE]]
        shorter, longer = (losses_of(mdp, rows_of(states, lost), actions[lost] + side) for side in sides)
        gradients[lost, -1] = np.clip((longer - shorter) / (2.0 * _ASIDE), -_URGENCY, _URGENCY)
    return Credit(-mdp.potential(checks), gradients, edited, 2 * (len(plans) + len(lost)))


def _plan_gradient(task: QuadraticTask, states: ControlStates, actions: Numbers, plans: Numbers) -> Numbers:
    """dJ/da of a `plan` or `window` edit: u_max dJ/du, 0 where a bound blocks the way down."""
    of_changes = task.system.u_max * task.gradient(states.instances, plans).projected
    return _in_window(of_changes, actions, task) if task.kind == "window" else of_changes


def _in_window(of_changes: Numbers, actions: Numbers, task: QuadraticTask | DescentTask) -> Numbers:
    """Derivatives by what a window changes, and 0 for its place, which has none, shape (B, 10 n_controls + 1).

    Args:
        of_changes: derivatives by changes of all controls, shape (B, N n_controls).
        actions: the windows, shape (B, 10 n_controls + 1).
        task: the system.
    """
    columns = window_columns(actions[:, -1], task.horizon, task.n_controls, WINDOW)
    return np.pad(np.take_along_axis(of_changes, columns, axis=1), ((0, 0), (0, 1)))


def _feedback_gradient(task: QuadraticTask, states: ControlStates, actions: Numbers, plans: Numbers) -> Numbers:
    """dJ/da of a `feedback` edit, through the play of changes, gains and gates."""
    system, n = task.system, task.horizon
    _, gains, references = task.feedback(states.instances, states.plans, actions)
    path = task.simulate(states.instances, plans).states
    of_changes, of_gains = kernels.play_adjoint(
        system.kind,
        system.time_step,
        task.weights,
        states.instances,
        gains,
        references,
        plans,
        path,
        system.u_max,
        True,
    )
    # A gate g moves the reference (1 - g) xbar, and so the control by g K xbar.
    held = task.simulate(states.instances, states.plans).states[:, :-1]
    of_gates = of_changes * (gains * held).sum(axis=2)
    of_gains = GAIN * system.u_max * of_gains.reshape(-1, 2 * n)
    return np.concatenate([system.u_max * of_changes, of_gains, of_gates / 2.0], axis=1)


def antithetic_credit(
    mdp: ControlEditMDP, states: ControlStates, actions: Numbers, pairs: int, sigma: float, rng: np.random.Generator
) -> Credit:
    """Losses, and gradients estimated from costs alone: any task, any edit.

    Args:
        mdp: the task.
        states: B states.
        actions: shape (B, action_size).
        pairs: antithetic pairs M of perturbed actions for each state.
        sigma: size of a perturbation.
        rng: draws the perturbations.
    """
    noise = perturbations(pairs, actions.shape, rng)
    many = rows_of(states, np.tile(np.arange(len(actions)), pairs))

    def f(tried: Numbers) -> Numbers:
        flat = np.clip(tried, -1.0, 1.0).reshape(-1, actions.shape[1])
        return losses_of(mdp, many, flat).reshape(pairs, -1)

    edited = mdp.edited(states, actions)
    losses = -mdp.potential(edited.checks)
    return Credit(losses, antithetic(f, actions, noise, sigma), edited, (2 * pairs + 1) * len(actions))


def antithetic(f: Callable[[Numbers], Numbers], at: Numbers, noise: Numbers, sigma: float) -> Numbers:
    """mean_m [f(x + sigma e_m) - f(x - sigma e_m)] / (2 sigma) e_m, shape (B, n).

    An unbiased estimate of the gradient of any quadratic f if E[e e'] = I, and of that of a smoothed f in general.

    Args:
        f: (M, B, n) -> (M, B).
        at: x, shape (B, n).
        noise: e, shape (M, B, n).
        sigma: size of a perturbation.
    """
    slopes = (f(at + sigma * noise) - f(at - sigma * noise)) / (2.0 * sigma)
    estimate: Numbers = np.einsum("mb,mbn->bn", slopes, noise) / len(noise)
    return estimate


def perturbations(pairs: int, shape: tuple[int, ...], rng: np.random.Generator) -> Numbers:
    """Perturbations e with E[e e'] = I, shape (pairs, *shape), orthogonal to each other as far as they can be.

    With as many pairs as an action has numbers, `antithetic` is then a difference quotient along every axis of a
    random frame, whose only error is that of a quotient. States share the frame, each with signs of its own.

    Args:
        pairs: M.
        shape: (B, n).
        rng: draws them.
    """
    batch, n = shape
    frames = [np.linalg.qr(rng.standard_normal((n, n)))[0] for _ in range(-(-pairs // n))]
    noise = np.sqrt(n) * np.concatenate(frames)[:pairs]
    signed: Numbers = noise[:, None] * rng.choice([-1.0, 1.0], (1, batch, n))
    return signed


class Credited(torch.autograd.Function):
    """The losses of actions as a function of them that PyTorch differentiates, with gradients known beforehand."""

    @staticmethod
    def forward(ctx: Any, actions: Tensor, losses: Tensor, gradients: Tensor) -> Tensor:
        """`losses`, shape (B,)."""
        ctx.save_for_backward(gradients)
        return losses.clone()

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, None, None]:
        """Chain rule: outer, shape (B,), times gradients, shape (B, action_size)."""
        (gradients,) = ctx.saved_tensors
        return outer[0][:, None] * gradients, None, None


def credited(actions: Tensor, credit: Credit) -> Tensor:
    """Losses of actions, shape (B,), through which gradients flow back to them."""
    losses = torch.as_tensor(credit.losses, dtype=actions.dtype, device=actions.device)
    gradients = torch.as_tensor(credit.gradients, dtype=actions.dtype, device=actions.device)
    out: Tensor = Credited.apply(actions, losses, gradients)  # type: ignore[no-untyped-call]
    return out
