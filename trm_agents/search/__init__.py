"""Best-first search in the known edit model, guided by a proposer and pruned by the rules."""

from trm_agents.search.best_first import SearchResult, search
from trm_agents.search.expansion import Proposer
from trm_agents.search.proposers import policy_proposer, uniform_proposer

__all__ = ["Proposer", "SearchResult", "policy_proposer", "search", "uniform_proposer"]
