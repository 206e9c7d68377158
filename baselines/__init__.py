"""Baselines and reference lines, through one registry: `baselines.make(name, ...)`, `baselines.line(name, ...)`.

Importing this package, and listing what it has, needs neither torch nor Stable-Baselines3.
"""

from baselines.agents import Agent, Unroll, agent_of, carry_over, line
from baselines.counters import gradient_steps, model_queries, parameters
from baselines.models import load, make
from baselines.proposers import guesser_of, proposer_of
from baselines.registry import LINES, METHODS, Line, Method
from baselines.spaces import SPACES, Space

__all__ = [
    "LINES",
    "METHODS",
    "SPACES",
    "Agent",
    "Line",
    "Method",
    "Space",
    "Unroll",
    "agent_of",
    "carry_over",
    "gradient_steps",
    "guesser_of",
    "line",
    "load",
    "make",
    "model_queries",
    "parameters",
    "proposer_of",
]
