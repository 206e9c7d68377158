"""Spaces and information that the single and the vector environment share."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from gymnasium import spaces
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
