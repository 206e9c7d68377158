"""Exact quantities of a frozen policy on enumerated plan-edit instances, and the bounds that hold between them.

What is exported here is arithmetic on arrays and knows no network; `reading`, `certificate`, `audit` and `diagnostics`
look inside a policy.
"""

from trm_agents.theory.closure import Closure, enumerate_closure
from trm_agents.theory.tabular import DenseMDP, TabularMDP

__all__ = ["Closure", "DenseMDP", "TabularMDP", "enumerate_closure"]
