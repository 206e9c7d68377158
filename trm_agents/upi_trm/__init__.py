"""UPI-TRM, the published method, as a Stable-Baselines3 algorithm."""

from trm_agents.upi_trm.conservative import Distilled, Exact, SafeStep
from trm_agents.upi_trm.policies import MlpPolicy, MultiInputPolicy, TRMPolicy
from trm_agents.upi_trm.upi_trm import UPITRM

__all__ = ["UPITRM", "Distilled", "Exact", "MlpPolicy", "MultiInputPolicy", "SafeStep", "TRMPolicy"]
