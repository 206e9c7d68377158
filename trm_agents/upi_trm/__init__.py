"""UPI-TRM as a Stable-Baselines3 algorithm."""

from trm_agents.hindsight.policies import RepairPolicy
from trm_agents.upi_trm.policies import MlpPolicy, MultiInputPolicy, TRMPolicy
from trm_agents.upi_trm.upi_trm import UPITRM

__all__ = ["UPITRM", "MlpPolicy", "MultiInputPolicy", "RepairPolicy", "TRMPolicy"]
