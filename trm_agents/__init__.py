"""Agents built on tiny recursive networks."""

from trm_agents.upi_trm import UPITRM, MlpPolicy, MultiInputPolicy, TRMPolicy

__all__ = ["UPITRM", "MlpPolicy", "MultiInputPolicy", "TRMPolicy"]
