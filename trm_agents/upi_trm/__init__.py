"""UPI-TRM, the published method and its value targets, as a Stable-Baselines3 algorithm."""

from trm_agents.survival import Survival
from trm_agents.upi_trm.conservative import Distilled, Exact, SafeStep
from trm_agents.upi_trm.edit_policy import EditPolicy
from trm_agents.upi_trm.edit_targets import CostToGo, Outcome, Violations
from trm_agents.upi_trm.policies import MlpPolicy, MultiInputPolicy, TRMPolicy
from trm_agents.upi_trm.targets import KStep
from trm_agents.upi_trm.upi_trm import UPITRM

__all__ = [
    "UPITRM",
    "CostToGo",
    "Distilled",
    "EditPolicy",
    "Exact",
    "KStep",
    "MlpPolicy",
    "MultiInputPolicy",
    "Outcome",
    "SafeStep",
    "Survival",
    "TRMPolicy",
    "Violations",
]
