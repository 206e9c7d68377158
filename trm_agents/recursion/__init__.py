"""The recursive core: z <- Pi_R(f(z, x, y, edits left)), unrolled n times, and what reads its latent."""

from trm_agents.recursion.committee import RepairCommittee
from trm_agents.recursion.cores.dense import Contraction, Core, VectorCore
from trm_agents.recursion.cores.exact_cover import ExactCoverCore
from trm_agents.recursion.decoder import RepairNetwork, repair_network
from trm_agents.recursion.encoders import CategoryEncoder, Tokens, VectorEncoder
from trm_agents.recursion.network import (
    NetworkOutput,
    Recursion,
    RecursiveNetwork,
    Settled,
    token_network,
    vector_network,
)
from trm_agents.recursion.projection import project_ball

__all__ = [
    "CategoryEncoder",
    "Contraction",
    "Core",
    "ExactCoverCore",
    "NetworkOutput",
    "Recursion",
    "RecursiveNetwork",
    "RepairCommittee",
    "RepairNetwork",
    "Settled",
    "Tokens",
    "VectorCore",
    "VectorEncoder",
    "project_ball",
    "repair_network",
    "token_network",
    "vector_network",
]
