"""Spaces, checks of actions and information that the single and the vector environment share."""

from __future__ import annotations

import operator
from typing import Any, cast

import numpy as np
from gymnasium import spaces
from gymnasium.error import InvalidAction
from numpy.typing import NDArray

from trm_envs.episodes.rules import Outcome, Rules
from trm_envs.instances.numbers import array_of
from trm_envs.plan_edit.chosen import chosen_puzzle, chosen_puzzles
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.render import render
from trm_envs.plan_edit.task import Checks, Grids

Observation = dict[str, NDArray[Any]]


class BatchError(InvalidAction, ValueError):
    """Actions of a wrong shape or value; a ValueError too, as from Gymnasium's vector environments."""


class NoBatchError(InvalidAction, TypeError):
    """One action where a batch is due; a TypeError too, as from Gymnasium's vector environments."""


def observation_space(mdp: PlanEditMDP) -> spaces.Space[Observation]:
    """`instance` and `plan`, int8 grids flattened row by row, and `remaining_edits`, int32 of shape (1,)."""
    task = mdp.task
    space = spaces.Dict(
        {
            "instance": spaces.Box(0, task.instance_high, (task.n_instance_cells,), np.int8),
            "plan": spaces.Box(0, task.plan_high, (task.n_cells,), np.int8),
            "remaining_edits": spaces.Box(0, mdp.max_edits, (1,), np.int32),
        }
    )
    # Gymnasium types the elements of a Dict space as spaces.
    return cast("spaces.Space[Observation]", space)


def checked_action(action: Any, n_actions: int) -> int:
    """One action as an int.

    Args:
        action: an int, a NumPy integer, or an integer array of shape ().
        n_actions: size of the action space.

    Raises:
        TypeError: it is not one integer; a bool is none.
        InvalidAction: it is outside the action space.
    """
    try:
        index = operator.index(action)
    except TypeError:
        index = None
    if index is None or isinstance(action, bool):
        got = np.asarray(action)
        raise TypeError(
            f"action must be one integer, of an integer dtype and shape (), got {action!r} of dtype {got.dtype} and "
            f"shape {got.shape}"
        )
    if not 0 <= index < n_actions:
        raise InvalidAction(f"action must be within 0..{n_actions - 1}, got {action!r}")
    return index


def checked_actions(actions: Any, batch: int, n_actions: int) -> NDArray[np.int64]:
    """A batch of actions as int64, shape (batch,).

    Args:
        actions: integers of that shape, of any integer dtype.
        batch: how many there must be.
        n_actions: size of the action space.

    Raises:
        TypeError: they are not integers; bools are none.
        NoBatchError: it is one action.
        BatchError: the shape is another, or an action is outside the action space.
    """
    try:
        array = array_of(actions)
    except ValueError:
        raise BatchError(f"actions must have shape ({batch},), got rows of unequal length: {actions!r}") from None
    if array.dtype.kind not in "iu":
        raise TypeError(
            f"actions must be of an integer dtype and shape ({batch},), got dtype {array.dtype} and shape "
            f"{array.shape}: {actions!r}"
        )
    if array.ndim == 0:
        raise NoBatchError(f"actions must have shape ({batch},), got one action: {actions!r}")
    if array.shape != (batch,) or array.min() < 0 or array.max() >= n_actions:
        raise BatchError(
            f"actions must have shape ({batch},) and be within 0..{n_actions - 1}, got shape {array.shape}: {actions!r}"
        )
    return array.astype(np.int64, copy=False)


def observe(states: PlanStates) -> Observation:
    """Observations of a batch of states; arrays of their own, so that no later step changes them."""
    return {
        "instance": states.instances.copy(),
        "plan": states.plans.copy(),
        "remaining_edits": states.remaining_edits[:, None].copy(),
    }


def states_of(observation: Observation) -> PlanStates:
    """The states that a batch of observations shows: the inverse of `observe`."""
    remaining = np.asarray(observation["remaining_edits"], np.int32).reshape(-1)
    instances = np.asarray(observation["instance"], np.int8).reshape(len(remaining), -1)
    return PlanStates(instances, np.asarray(observation["plan"], np.int8).reshape(len(remaining), -1), remaining)


def information(mask: NDArray[np.bool_], checks: Checks, invalid: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    """The `info` entries of a batch of states, one array each; `mask` and `invalid` are handed over."""
    return {
        "action_mask": mask.view(np.int8),
        "is_success": checks.solved.copy(),
        "score": checks.score.copy(),
        "filled": checks.filled.copy(),
        "violations": checks.violations.copy(),
        "dead_ends": checks.dead_ends.copy(),
        "invalid_action": invalid,
    }


class PlanEditRules(Rules[PlanStates, Checks]):
    """What the environments know of plan editing.

    Args:
        mdp: the transition function, rewards and legal actions.
    """

    def __init__(self, mdp: PlanEditMDP) -> None:
        self.mdp = mdp
        self.observation_space = observation_space(mdp)
        self.action_space = spaces.Discrete(mdp.n_actions)

    def initial(self, instances: Grids) -> PlanStates:
        """First states; ValueError where one of them has no legal action."""
        states = self.mdp.initial(instances)
        if not self.mdp.action_mask(states).any(axis=1).all():
            raise ValueError(
                f"no action is legal at level {self.mdp.legal_actions!r}: the instance has no solution; "
                "remove it or use legal_actions='givens'"
            )
        return states

    def check(self, states: PlanStates) -> Checks:
        """The checker on these states."""
        return self.mdp.check(states)

    def transition(self, states: PlanStates, actions: NDArray[np.int64], checks: Checks) -> Outcome[PlanStates, Checks]:
        """One edit in each state; an illegal one changes nothing and still spends an edit."""
        done = self.mdp.transition(states, actions, checks)
        return Outcome(done.successors, done.checks, done.rewards, done.terminated, done.invalid)

    def solved(self, checks: Checks) -> NDArray[np.bool_]:
        """Whether the plans are solved."""
        return checks.solved

    def observe(self, states: PlanStates, checks: Checks) -> Observation:
        """Instances, plans and edits left."""
        return observe(states)

    def information(self, states: PlanStates, checks: Checks, event: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
        """The mask of legal actions, the checker's word, and which actions were invalid."""
        return information(self.mdp.action_mask(states), checks, event)

    def read_actions(self, actions: Any, batch: int | None) -> NDArray[np.int64]:
        """One integer, or `batch` of them."""
        if batch is None:
            return np.array([checked_action(actions, self.mdp.n_actions)], np.int64)
        return checked_actions(actions, batch, self.mdp.n_actions)

    def read_instance(self, options: dict[str, Any] | None) -> NDArray[np.int8] | None:
        """The puzzle of reset's options."""
        return chosen_puzzle(self.mdp.task, options or {})

    def read_instances(self, options: dict[str, Any], rows: NDArray[np.bool_]) -> Grids | None:
        """The puzzle of reset's options for all, or one puzzle each."""
        return chosen_puzzles(self.mdp.task, options, rows)

    def render(self, states: PlanStates, mode: str) -> Any:
        """One state as text or picture, as the puzzle draws it."""
        return render(self.mdp.task, mode, states.instances[0], states.plans[0])
