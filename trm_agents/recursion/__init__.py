"""The recursive core: z <- Pi_R(f(z, x, y, edits left)), unrolled n times, and what reads its latent."""

from trm_agents.recursion.cores.base import Core, Unrolled
from trm_agents.recursion.cores.certified import CertifiedExactCover
from trm_agents.recursion.cores.dense import CertifiedDense, Dense
from trm_agents.recursion.cores.exact_cover import ExactCover, ExactCoverCore, TokenCore, TokenInjection
from trm_agents.recursion.cores.mixers import Grid, Mixer, neighbour_pairs
from trm_agents.recursion.cores.two_level import Inject, TwoLevelCore
from trm_agents.recursion.encoders import Tokens
from trm_agents.recursion.network import (
    NetworkOutput,
    Recursion,
    RecursiveNetwork,
    Settled,
    token_network,
    vector_network,
)
from trm_agents.recursion.plan_decoder import PlanDecoder, plan_decoder

__all__ = [
    "CertifiedDense",
    "CertifiedExactCover",
    "Core",
    "Dense",
    "ExactCover",
    "ExactCoverCore",
    "Grid",
    "Inject",
    "Mixer",
    "NetworkOutput",
    "PlanDecoder",
    "Recursion",
    "RecursiveNetwork",
    "Settled",
    "TokenCore",
    "TokenInjection",
    "Tokens",
    "TwoLevelCore",
    "Unrolled",
    "neighbour_pairs",
    "plan_decoder",
    "token_network",
    "vector_network",
]
