"""Recursive policies for the rows `trm_*`: on the network of UPI-TRM, or, where edits are moves, on any other.

They differ from `MlpPolicy` in the network alone: no lookahead, the same facts in the observation.
"""

from __future__ import annotations

from typing import Any

from trm_agents.recursive_policies import (
    RecursiveDQNPolicy as AnyRecursiveDQNPolicy,
)
from trm_agents.recursive_policies import (
    RecursiveExtractor,
    RecursiveMaskablePolicy,
    RecursivePolicy,
    TokenReadings,
)


class ReadsTokens:
    """The tokens of a plan-edit task, with keywords of `TokenReadings`, and so `mdp`; without it those of `Options`."""

    def __init__(self, *args: Any, features_extractor_kwargs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        given = features_extractor_kwargs or {}
        reads = TokenReadings if "mdp" in given else RecursiveExtractor
        super().__init__(*args, **{"features_extractor_class": reads, "features_extractor_kwargs": given, **kwargs})


class RecursiveActorCriticPolicy(ReadsTokens, RecursivePolicy):
    """For PPO and A2C."""


class RecursiveMaskableActorCriticPolicy(ReadsTokens, RecursiveMaskablePolicy):
    """For MaskablePPO."""


class RecursiveDQNPolicy(ReadsTokens, AnyRecursiveDQNPolicy):
    """For DQN."""
