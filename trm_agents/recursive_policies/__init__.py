"""Recursive policies for the algorithms of SB3 and sb3-contrib, on any environment that these take."""

from trm_agents.recursive_policies.batches import WholeRollouts
from trm_agents.recursive_policies.depths import VaryDepth
from trm_agents.recursive_policies.document import MLPPolicy, TRMPolicy
from trm_agents.recursive_policies.extractor import Readings, RecursiveExtractor, TokenReadings
from trm_agents.recursive_policies.options import Options
from trm_agents.recursive_policies.policies import RecursiveMaskablePolicy, RecursivePolicy, masks_for
from trm_agents.recursive_policies.q_policies import RecursiveDQNPolicy, RecursiveQRDQNPolicy
from trm_agents.recursive_policies.recurrent import RecursiveRecurrentPolicy

__all__ = [
    "MLPPolicy",
    "Options",
    "Readings",
    "RecursiveDQNPolicy",
    "RecursiveExtractor",
    "RecursiveMaskablePolicy",
    "RecursivePolicy",
    "RecursiveQRDQNPolicy",
    "RecursiveRecurrentPolicy",
    "TRMPolicy",
    "TokenReadings",
    "VaryDepth",
    "WholeRollouts",
    "masks_for",
]
