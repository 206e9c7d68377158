"""The recursive core: z <- Pi_R(f(z, x, y, edits left)), unrolled n times, and what reads its latent."""

from trm_agents.recursion.cores.base import Core, Unrolled
from trm_agents.recursion.cores.certified import CertifiedExactCover
from trm_agents.recursion.cores.dense import CertifiedDense, Dense
from trm_agents.recursion.cores.discovered import Discovered, discover
from trm_agents.recursion.cores.exact_cover import Cells, ExactCover, ExactCoverCore
from trm_agents.recursion.cores.mixers import Grid, Mixer, neighbour_pairs
from trm_agents.recursion.cores.mixing import Attention
from trm_agents.recursion.cores.tokens import PlanCore, TokenCore, TokenInjection
from trm_agents.recursion.cores.two_level import Inject, TwoLevelCore
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
    "Attention",
    "Cells",
    "CertifiedDense",
    "CertifiedExactCover",
    "Core",
    "Dense",
    "Discovered",
    "ExactCover",
    "ExactCoverCore",
    "Grid",
    "Inject",
    "Mixer",
    "NetworkOutput",
    "PlanCore",
    "PlanDecoder",
    "Recursion",
    "RecursiveNetwork",
    "Settled",
    "TokenCore",
    "TokenInjection",
    "TwoLevelCore",
    "Unrolled",
    "discover",
    "neighbour_pairs",
    "plan_decoder",
    "token_network",
    "vector_network",
]
