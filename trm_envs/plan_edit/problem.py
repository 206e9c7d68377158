"""A ready problem: an MDP and where its instances come from; what every environment is built on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypedDict, get_args, get_type_hints

from trm_envs.plan_edit.adaptive import Retry
from trm_envs.plan_edit.mdp import PlanEditMDP, StopAction
from trm_envs.plan_edit.sources import InstanceSource
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
    """The user's own instances in place of a shipped pool: an array, lines of text, or the path of a file."""
    generate: bool
    """New instances every episode in place of a shipped pool."""
    curriculum: Sequence[Any] | None
    """Stages from easy to hard, each as the puzzle says difficulty; None (default): all instances from the start."""
    retry: float
    """Probability that an episode tries a failed instance again; 0 by default."""
    max_edits: int | None
    """Edit budget T; one edit a cell by default."""
    gamma: float
    """Discount of the potential shaping, 0.99 by default."""
    shaping: bool
    """Potential-based shaping by the checker's score; True by default."""
    stop_action: StopAction | None
    """Append a stop action: `noop` or `terminal`."""


TRAINING_OPTIONS = ("curriculum", "retry")
"""Keywords that change which training instances are played when, and not what is asked of an agent."""

MDP_OPTIONS = ("legal_actions", "max_edits", "gamma", "shaping", "stop_action")


def mdp_options(options: ProblemOptions) -> dict[str, Any]:
    """Those of the keywords that `PlanEditMDP` takes."""
    return {key: value for key, value in options.items() if key in MDP_OPTIONS}


def check_keywords(options: Mapping[str, object], allowed: type) -> None:
    """Raise TypeError for a keyword that `allowed`, a puzzle's subclass of `ProblemOptions`, does not have."""
    known = get_type_hints(allowed)
    unknown = [key for key in options if key not in known]
    if unknown:
        raise TypeError(f"unknown keyword {', '.join(map(repr, unknown))}; the keywords are {', '.join(sorted(known))}")


def check_source_options(options: ProblemOptions) -> None:
    """Raise ValueError where keywords ask for several sources of instances, an unknown split or training on none."""
    # Not by truth value: an array of puzzles has none.
    given = {"puzzles": options.get("puzzles"), "generate": options.get("generate"), "split": options.get("split")}
    chosen = [key for key, value in given.items() if value is not None and value is not False]
    if len(chosen) > 1:
        raise ValueError(f"instances come from one source, but several are asked for: {', '.join(chosen)}")
    if options.get("split", "train") not in get_args(Split):
        raise ValueError(f"split must be 'train', 'validation' or 'test', got {options['split']!r}")
    adaptive = {"curriculum": options.get("curriculum") is not None, "retry": options.get("retry", 0.0) != 0.0}
    for key in TRAINING_OPTIONS:
        if adaptive[key] and options.get("split", "train") != "train":
            raise ValueError(
                f"{key} adapts instances to how training goes, and split={options['split']!r} is for scoring: "
                f"leave {key} out, or use split='train'"
            )
    if adaptive["curriculum"] and options.get("puzzles") is not None:
        raise ValueError("curriculum orders shipped or generated instances: leave it out where puzzles= is given")


def with_retry(source: InstanceSource, options: ProblemOptions) -> InstanceSource:
    """The source, and its failed instances once more where the keyword `retry` is not 0.

    Raises:
        ValueError: `retry` is no probability.
    """
    probability = options.get("retry", 0.0)
    return source if probability == 0.0 else Retry(source, probability)
