"""Baselines and reference lines, through one registry: `METHODS[name].make(...)`, `LINES[name].agent(...)`.

Importing this package, and listing what it has, needs neither torch nor Stable-Baselines3.
"""

from baselines.agents import Agent, Cost, Unroll
from baselines.control_agents import Planner
from baselines.control_method import ControlLine, ControlMethod
from baselines.counters import gradient_steps, model_queries, parameters
from baselines.line import Line
from baselines.method import Method
from baselines.registry import LINES, METHODS, known_to, line, method, row_of
from baselines.solvers import Solver, SolverKind
from baselines.spaces import SPACES, Space

__all__ = [
    "LINES",
    "METHODS",
    "SPACES",
    "Agent",
    "ControlLine",
    "ControlMethod",
    "Cost",
    "Line",
    "Method",
    "Planner",
    "Solver",
    "SolverKind",
    "Space",
    "Unroll",
    "gradient_steps",
    "known_to",
    "line",
    "method",
    "model_queries",
    "parameters",
    "row_of",
]
