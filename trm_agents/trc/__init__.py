"""Tiny recursive control: plans of a system edited by a small recursive network that learns from their costs."""

from trm_agents.trc.policies import TRCPolicy
from trm_agents.trc.trc import TRC

__all__ = ["TRC", "TRCPolicy"]
