"""Spaces, checks of actions and information that the single and the vector environment share."""

from __future__ import annotations

import operator
from typing import Any, cast

import numpy as np
from gymnasium import spaces
from gymnasium.error import InvalidAction
from numpy.typing import NDArray

from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.task import Checks

Observation = dict[str, NDArray[Any]]


def observation_space(mdp: PlanEditMDP) -> spaces.Space[Observation]:
    """`instance` and `plan`, int8 grids flattened row by row, and `remaining_edits`, int32 of shape (1,)."""
    task = mdp.task
    space = spaces.Dict(
        {
            "instance": spaces.Box(0, task.instance_high, (task.n_cells,), np.int8),
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
        InvalidAction: the shape is another, or an action is outside the action space.
    """
    try:
        array = np.asarray(actions)
    except ValueError:
        raise InvalidAction(f"actions must have shape ({batch},), got rows of unequal length: {actions!r}") from None
    if array.dtype.kind not in "iu":
        raise TypeError(
            f"actions must be of an integer dtype and shape ({batch},), got dtype {array.dtype} and shape "
            f"{array.shape}: {actions!r}"
        )
    if array.shape != (batch,) or array.min() < 0 or array.max() >= n_actions:
        raise InvalidAction(
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
