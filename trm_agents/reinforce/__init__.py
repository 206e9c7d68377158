"""REINFORCE over whole episodes, as a Stable-Baselines3 algorithm."""

from trm_agents.reinforce.reinforce import REINFORCE

__all__ = ["REINFORCE"]
