"""Solvers: test-time compute, counted. `Attempts`, `BestFirst` and `Views` turn instances into plans."""

from trm_agents.solving.attempts import Attempts
from trm_agents.solving.best_first import SearchResult, search
from trm_agents.solving.expansion import Guesser, Proposal, Proposer
from trm_agents.solving.proposers import decoded_guesser, policy_guesser, policy_proposer, uniform_proposer
from trm_agents.solving.searcher import BestFirst
from trm_agents.solving.solver import DecodingPolicy, Solutions, Solver, policy_of
from trm_agents.solving.starts import Starts
from trm_agents.solving.variations import Guesses, Refinements, Restarts, Variation
from trm_agents.solving.views import Views

__all__ = [
    "Attempts",
    "BestFirst",
    "DecodingPolicy",
    "Guesser",
    "Guesses",
    "Proposal",
    "Proposer",
    "Refinements",
    "Restarts",
    "SearchResult",
    "Solutions",
    "Solver",
    "Starts",
    "Variation",
    "Views",
    "decoded_guesser",
    "policy_guesser",
    "policy_of",
    "policy_proposer",
    "search",
    "uniform_proposer",
]
