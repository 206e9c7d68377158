"""Best-first search in the known edit model, guided by a proposer and pruned by the rules."""

from trm_agents.solving.best_first import SearchResult, search
from trm_agents.solving.expansion import Guesser, Proposer
from trm_agents.solving.proposers import policy_guesser, policy_proposer, uniform_proposer

__all__ = ["Guesser", "Proposer", "SearchResult", "policy_guesser", "policy_proposer", "search", "uniform_proposer"]
