"""The recursive core: z <- Pi_R(f(z, x, y, edits left)), unrolled n times, and what reads its latent."""

from trm_agents.recursion.cores import Contraction, RecursiveCore, TokenCore, VectorCore
from trm_agents.recursion.encoders import TokenEncoder, VectorEncoder
from trm_agents.recursion.network import NetworkOutput, RecursiveNetwork, token_network, vector_network
from trm_agents.recursion.projection import project_ball

__all__ = [
    "Contraction",
    "NetworkOutput",
    "RecursiveCore",
    "RecursiveNetwork",
    "TokenCore",
    "TokenEncoder",
    "VectorCore",
    "VectorEncoder",
    "project_ball",
    "token_network",
    "vector_network",
]
