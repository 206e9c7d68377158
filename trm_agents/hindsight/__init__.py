"""HindsightTRM: self-labelled expert iteration on plan-edit tasks, as a Stable-Baselines3 algorithm."""

from trm_agents.hindsight.hindsight_trm import HindsightTRM
from trm_agents.hindsight.memory import HindsightMemory, Search
from trm_agents.hindsight.token_policy import TokenPolicy

__all__ = ["HindsightMemory", "HindsightTRM", "Search", "TokenPolicy"]
