"""A ready problem: an MDP and where its instances come from; what every environment is built on."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypedDict, get_args, get_type_hints

from trm_envs.plan_edit.instances import InstanceSource
from trm_envs.plan_edit.mdp import PlanEditMDP, StopAction
from trm_envs.plan_edit.task import LegalActions

Split = Literal["train", "validation", "test"]


class Problem(NamedTuple):
    """What an environment needs."""

    mdp: PlanEditMDP
    source: InstanceSource


class ProblemOptions(TypedDict, total=False):
    """Keywords that every plan-editing environment takes."""

    legal_actions: LegalActions
    """`givens` (default) or `consistent`."""
    split: Split
    """Which shipped pool instances come from; `train` by default."""
    puzzles: Any
    """The user's own instances in place of a shipped pool: an array, or the path of a file."""
    generate: bool
    """New instances every episode in place of a shipped pool."""
    max_edits: int | None
    """Edit budget T; one edit a cell by default."""
    gamma: float
    """Discount of the potential shaping, 0.99 by default."""
    shaping: bool
    """Potential-based shaping by the checker's score; True by default."""
    stop_action: StopAction | None
    """Append a stop action: `noop` or `terminal`."""


MDP_OPTIONS = ("legal_actions", "max_edits", "gamma", "shaping", "stop_action")


def mdp_options(options: dict[str, Any]) -> dict[str, Any]:
    """Those of the keywords that `PlanEditMDP` takes."""
    return {key: options[key] for key in MDP_OPTIONS if key in options}


def check_keywords(options: dict[str, Any], allowed: type) -> None:
    """Raise TypeError for a keyword that `allowed`, a puzzle's subclass of `ProblemOptions`, does not have."""
    known = get_type_hints(allowed)
    unknown = [key for key in options if key not in known]
    if unknown:
        raise TypeError(f"unknown keyword {', '.join(map(repr, unknown))}; the keywords are {', '.join(sorted(known))}")


def check_source_options(options: dict[str, Any]) -> None:
    """Raise ValueError where more than one source of instances is asked for, or an unknown split."""
    # Not by truth value: an array of puzzles has none.
    chosen = [
        key for key in ("puzzles", "generate", "split") if not (options.get(key) is None or options[key] is False)
    ]
    if len(chosen) > 1:
        raise ValueError(f"instances come from one source, but several are asked for: {', '.join(chosen)}")
    if options.get("split", "train") not in get_args(Split):
        raise ValueError(f"split must be 'train', 'validation' or 'test', got {options['split']!r}")
