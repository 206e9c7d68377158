"""A ready problem: an MDP and where its instances come from; what every environment is built on."""

from __future__ import annotations

from typing import Any, NamedTuple

from trm_envs.instances.options import (
    TRAINING_OPTIONS,
    SourceOptions,
    Split,
    check_keywords,
    check_source_options,
    with_retry,
)
from trm_envs.instances.sources import InstanceSource
from trm_envs.plan_edit.mdp import PlanEditMDP, StopAction
from trm_envs.plan_edit.task import LegalActions

__all__ = [
    "MDP_OPTIONS",
    "TRAINING_OPTIONS",
    "Problem",
    "ProblemOptions",
    "Split",
    "check_keywords",
    "check_source_options",
    "mdp_options",
    "with_retry",
]


class Problem(NamedTuple):
    """What an environment needs."""

    mdp: PlanEditMDP
    source: InstanceSource


class ProblemOptions(SourceOptions, total=False):
    """Keywords that every plan-editing environment takes."""

    legal_actions: LegalActions
    """`givens` (default) or `consistent`."""
    puzzles: Any
    """The user's own instances in place of a shipped pool: an array, text, or the path of a file."""
    max_edits: int | None
    """Edit budget T; one edit a cell by default."""
    gamma: float
    """Discount of the potential shaping, 0.99 by default."""
    shaping: bool
    """Potential-based shaping by the checker's score; True by default."""
    stop_action: StopAction | None
    """Append a stop action: `noop` or `terminal`."""


MDP_OPTIONS = ("legal_actions", "max_edits", "gamma", "shaping", "stop_action")


def mdp_options(options: ProblemOptions) -> dict[str, Any]:
    """Those of the keywords that `PlanEditMDP` takes."""
    return {key: value for key, value in options.items() if key in MDP_OPTIONS}
