"""Agents built on tiny recursive networks."""

from trm_agents.upi_trm import UPITRM, MlpPolicy, MultiInputPolicy, RepairPolicy, TRMPolicy

__all__ = ["UPITRM", "MlpPolicy", "MultiInputPolicy", "RepairPolicy", "TRMPolicy"]
