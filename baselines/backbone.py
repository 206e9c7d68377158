"""Recursive policies on the network of UPI-TRM, for the rows `trm_*`.

They differ from `MlpPolicy` in the network alone: no lookahead, the same facts in the observation.
"""

from __future__ import annotations

from typing import Any

from trm_agents.recursive_policies import (
    RecursiveDQNPolicy as AnyRecursiveDQNPolicy,
)
from trm_agents.recursive_policies import (
    RecursiveMaskablePolicy,
    RecursivePolicy,
    TokenReadings,
)


class ReadsTokens:
    """The tokens of a plan-edit task; `features_extractor_kwargs` holds keywords of `TokenReadings`, and so `mdp`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"features_extractor_class": TokenReadings, **kwargs})


class RecursiveActorCriticPolicy(ReadsTokens, RecursivePolicy):
    """For PPO and A2C."""


class RecursiveMaskableActorCriticPolicy(ReadsTokens, RecursiveMaskablePolicy):
    """For MaskablePPO."""


class RecursiveDQNPolicy(ReadsTokens, AnyRecursiveDQNPolicy):
    """For DQN."""
