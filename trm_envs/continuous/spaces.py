"""Spaces, checks of actions and information that the single and the vector environment share."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from gymnasium import spaces
from gymnasium.error import InvalidAction
from numpy.typing import NDArray

from trm_envs.continuous.checks import LARGEST_VIOLATION, ControlChecks
from trm_envs.continuous.mdp import ControlEditMDP, ControlStates
from trm_envs.continuous.task import ControlTask, Numbers
from trm_envs.episodes.rules import Outcome, Rules
from trm_envs.instances.numbers import array_of

Observation = dict[str, NDArray[Any]]
Observe = Literal["error", "gradient"]
"""What is observed of a plan: its simulated trajectory and cost, or the gradient of the cost too."""

LIMIT = 10.0
"""Scaled states and gradients are clipped to [-LIMIT, LIMIT]."""


class ControlEditRules(Rules[ControlStates, ControlChecks]):
    """What the environments know of editing control plans.

    Args:
        mdp: the transition function and rewards.
        observe: what is observed.

    Raises:
        ValueError: `observe` is unknown, or asks for a gradient that the task does not have.
    """

    def __init__(self, mdp: ControlEditMDP, observe: Observe = "error") -> None:
        if observe not in get_args(Observe):
            raise ValueError(f"observe must be one of {get_args(Observe)}, got {observe!r}")
        if observe == "gradient" and not mdp.task.differentiable:
            raise ValueError(f"{type(mdp.task).__name__} has no gradient: use observe='error'")
        self.mdp = mdp
        self.observes: Observe = observe
        task = mdp.task
        floor, high = np.log(task.cost_floor), np.log(task.cost_high + task.cost_floor)
        parts: dict[str, spaces.Space[Any]] = {
            "instance": _box(-1.0, 1.0, task.instance_size),
            "plan": _box(-1.0, 1.0, task.plan_size),
            "states": _box(-LIMIT, LIMIT, task.horizon * task.n_states),
            "terminal_error": _box(0.0, LIMIT, 1),
            "cost": _box(floor, high, 1),
            "remaining_edits": spaces.Box(0, mdp.max_edits, (1,), np.int32),
        }
        if not task.always_feasible:
            parts["violation"] = _box(0.0, np.log1p(LARGEST_VIOLATION), 1)
        if observe == "gradient":
            parts["gradient"] = _box(-LIMIT, LIMIT, task.plan_size)
        self.observation_space = spaces.Dict(parts)
        self.action_space = _box(-1.0, 1.0, task.action_size)

    def initial(self, instances: Numbers) -> ControlStates:
        """First states of episodes on these instances."""
        return self.mdp.initial(instances)

    def check(self, states: ControlStates) -> ControlChecks:
        """The checker on these states."""
        return self.mdp.check(states)

    def transition(
        self, states: ControlStates, actions: Numbers, checks: ControlChecks
    ) -> Outcome[ControlStates, ControlChecks]:
        """One edit in each state."""
        done = self.mdp.transition(states, actions, checks)
        return Outcome(done.successors, done.checks, done.rewards, done.terminated, done.accepted)

    def solved(self, checks: ControlChecks) -> NDArray[np.bool_]:
        """Whether the plans are feasible and end at the target."""
        return checks.success

    def observe(self, states: ControlStates, checks: ControlChecks) -> Observation:
        """What a policy sees, float32, scaled as the environment's page says."""
        task = self.mdp.task
        path = task.simulate(states.instances, states.plans).states[:, 1:] / task.state_scale
        cost = self.mdp.log_cost(checks)[:, None]
        instance = scaled(states.instances, task.instance_low, task.instance_high)
        instance[:, task.instance_size - task.hidden :] = 0.0
        seen = {
            "instance": instance,
            "plan": scaled(states.plans, task.plan_low, task.plan_high),
            "states": path.reshape(len(path), -1),
            "terminal_error": np.log1p(checks.terminal_error)[:, None],
            "cost": cost,
        }
        if not task.always_feasible:
            seen["violation"] = np.log1p(checks.violation)[:, None]
        if self.observes == "gradient":
            # -d Phi / d(scaled plan): of order one whatever the units of plan and cost.
            unit = (task.plan_high - task.plan_low) / 2.0
            found = task.gradient(states.instances, states.plans)
            of_cost, of_violation = found.projected / np.exp(cost), found.violation / (1.0 + checks.violation[:, None])
            seen["gradient"] = (of_cost + of_violation) * unit
        assert isinstance(self.observation_space, spaces.Dict)
        told = {key: _within(values, self.observation_space[key]) for key, values in seen.items()}
        return told | {"remaining_edits": states.remaining_edits[:, None].copy()}

    def information(
        self, states: ControlStates, checks: ControlChecks, event: NDArray[np.bool_]
    ) -> dict[str, NDArray[Any]]:
        """The checker's word in float64, whether the last edit was accepted, and the best cost so far."""
        return {
            "cost": checks.cost.copy(),
            "best_cost": states.best_cost.copy(),
            "is_success": checks.success.copy(),
            "feasible": checks.feasible.copy(),
            "violation": checks.violation.copy(),
            "terminal_error": checks.terminal_error.copy(),
            "accepted": event,
        }

    def read_actions(self, actions: Any, batch: int | None) -> Numbers:
        """Edits as float64 within [-1, 1], shape (B, action_size)."""
        return read_actions(actions, batch, self.mdp.task.action_size)

    def read_instance(self, options: dict[str, Any] | None) -> Numbers | None:
        """The instance of reset's options."""
        return read_instance(self.mdp.task, options)

    def render(self, states: ControlStates, mode: str) -> Any:
        """One state as text or picture, as the task draws it."""
        task, instance, plan = self.mdp.task, states.instances[0], states.plans[0]
        return task.render_text(instance, plan) if mode == "ansi" else task.render_image(instance, plan)


def states_of(mdp: ControlEditMDP, observation: Observation) -> ControlStates:
    """The states that a batch of observations shows: the inverse of `observe`, as far as float32 goes.

    Plans are clipped to their bounds, which rounding may have left. The best cost so far is not observed, and inf here.

    Raises:
        ValueError: the task hides a part of its instances.
    """
    task = mdp.task
    if task.hidden:
        raise ValueError(
            f"the last {task.hidden} numbers of an instance are not observed: states cannot be told from it"
        )
    remaining = np.asarray(observation["remaining_edits"], np.int32).reshape(-1)
    instances = unscaled(observation["instance"], task.instance_low, task.instance_high)
    plans = unscaled(observation["plan"], task.plan_low, task.plan_high)
    return ControlStates(instances, plans, remaining, np.full(len(remaining), np.inf))


def scaled(values: Numbers, low: Numbers, high: Numbers) -> Numbers:
    """Map [low, high] to [-1, 1], number by number."""
    return (values - (low + high) / 2.0) / ((high - low) / 2.0)


def unscaled(values: Any, low: Numbers, high: Numbers) -> Numbers:
    """The inverse of `scaled`, in float64 and within the bounds."""
    wide = np.asarray(values, np.float64)
    return np.clip((low + high) / 2.0 + wide * ((high - low) / 2.0), low, high)


def read_actions(actions: Any, batch: int | None, size: int) -> Numbers:
    """Actions that a user hands over as float64 within [-1, 1], shape (B, size); larger ones are clipped.

    Args:
        actions: real numbers, shape (size,) where `batch` is None, else (batch, size).
        batch: how many there must be; None: one, without the first axis.
        size: numbers of an action.

    Raises:
        TypeError: they are not real numbers; truth values are none.
        InvalidAction: the shape is another, or a number is NaN or infinite.
    """
    try:
        array = array_of(actions)
    except ValueError:
        raise InvalidAction(f"an action must be an array, got rows of unequal length: {actions!r}") from None
    if array.dtype.kind not in "fiu":
        raise TypeError(f"an action must be real numbers, got dtype {array.dtype}: {actions!r}")
    shape = (size,) if batch is None else (batch, size)
    if array.shape != shape:
        raise InvalidAction(f"an action must have shape {shape}, got shape {array.shape}: reshape it")
    if not np.isfinite(array).all():
        place = tuple(np.argwhere(~np.isfinite(array))[0].tolist())
        raise InvalidAction(f"an action must be finite, got {array[place]} at index {place}: is the policy diverging?")
    return np.clip(array.astype(np.float64).reshape(-1, size), -1.0, 1.0)


def read_instance(task: ControlTask, options: dict[str, Any] | None) -> Numbers | None:
    """The instance named by reset's `options`, validated, or None.

    Raises:
        ValueError: an unknown option, no numbers, a wrong shape, or an instance that the task refuses.
    """
    if not options:
        return None
    if set(options) != {"instance"}:
        raise ValueError(f"unknown reset options {sorted(set(options) - {'instance'})}; the only one is 'instance'")
    instance = read_numbers(options["instance"], "options['instance']")
    if instance.shape != (task.instance_size,):
        raise ValueError(f"options['instance'] must have shape ({task.instance_size},), got {instance.shape}")
    task.validate(instance[None])
    return instance


def read_numbers(values: Any, name: str) -> Numbers:
    """An array of a user's as float64, a copy.

    Raises:
        ValueError: it does not hold real numbers; truth values are none.
    """
    try:
        array = array_of(values)
    except ValueError as error:
        raise ValueError(f"{name} must be an array of real numbers: {error}") from None
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{name} must be an array of real numbers, got dtype {array.dtype}: {values!r}")
    return array.astype(np.float64)


def _box(low: float, high: float, size: int) -> spaces.Box:
    return spaces.Box(np.float32(low), np.float32(high), (size,), np.float32)


def _within(values: Numbers, space: spaces.Space[Any]) -> NDArray[np.float32]:
    """As float32 within a box; NaN, of a trajectory that has diverged, is its upper end."""
    assert isinstance(space, spaces.Box)
    return np.clip(np.nan_to_num(values, nan=np.inf).astype(np.float32), space.low, space.high)
