"""Keywords about where instances come from, which every family of environments takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict, get_args, get_type_hints

from trm_envs.instances.adaptive import Retry
from trm_envs.instances.numbers import share, truth
from trm_envs.instances.sources import InstanceSource, Number

Split = Literal["train", "validation", "test"]


class SourceOptions(TypedDict, total=False):
    """Keywords that choose the instances of an environment."""

    split: Split
    """Which shipped pool instances come from; `train` by default."""
    generate: bool
    """New instances every episode in place of a shipped pool."""
    curriculum: Sequence[Any] | None
    """Stages from easy to hard, each as the problem says difficulty; None (default): all instances from the start."""
    retry: float
    """Probability that an episode tries a failed instance again; 0 by default."""


TRAINING_OPTIONS = ("curriculum", "retry", "ends")
"""Keywords that change which training instances are played when, and not what is asked of an agent."""


def check_keywords(options: Mapping[str, object], allowed: type) -> None:
    """Refuse a keyword that `allowed`, a subclass of `SourceOptions`, does not have, or that is True or False there.

    Raises:
        TypeError: a keyword is unknown.
        ValueError: one that is True or False is given something else, a word for one.
    """
    known = get_type_hints(allowed)
    unknown = [key for key in options if key not in known]
    if unknown:
        raise TypeError(f"unknown keyword {', '.join(map(repr, unknown))}; the keywords are {', '.join(sorted(known))}")
    for key, value in options.items():
        if known[key] is bool or (known[key] == bool | None and value is not None):
            truth(key, value)


def check_source_options(options: Mapping[str, Any], own: str = "puzzles") -> None:
    """Raise ValueError where keywords ask for several sources of instances, an unknown split or training on none.

    Args:
        options: keywords, those of `SourceOptions` among them.
        own: name of the keyword for the user's own instances.
    """
    # Not by truth value: an array of instances has none.
    given = {own: options.get(own), "generate": options.get("generate"), "split": options.get("split")}
    chosen = [key for key, value in given.items() if value is not None and value is not False]
    if len(chosen) > 1:
        raise ValueError(f"instances come from one source, but several are asked for: {', '.join(chosen)}")
    if options.get("split", "train") not in get_args(Split):
        raise ValueError(f"split must be 'train', 'validation' or 'test', got {options['split']!r}")
    adaptive = {"curriculum": options.get("curriculum") is not None, "retry": options.get("retry", 0.0) != 0.0}
    for key, is_adaptive in adaptive.items():
        if is_adaptive and options.get("split", "train") != "train":
            raise ValueError(
                f"{key} adapts instances to how training goes, and split={options['split']!r} is for scoring: "
                f"leave {key} out, or use split='train'"
            )
    if adaptive["curriculum"] and options.get(own) is not None:
        raise ValueError(f"curriculum orders shipped or generated instances: leave it out where {own}= is given")


def with_retry(source: InstanceSource[Number], options: Mapping[str, Any]) -> InstanceSource[Number]:
    """The source, and its failed instances once more where the keyword `retry` is not 0.

    Raises:
        ValueError: `retry` is no probability.
    """
    probability = share("retry", options.get("retry", 0.0))
    return source if probability == 0.0 else Retry(source, probability)
