"""The survival value: whether a plan can still be completed, bootstrapped from the checker over an exact cover."""

from trm_agents.survival.labels import Survival, label
from trm_agents.survival.targets import Drawn, EditTarget, Labels, Taken

__all__ = ["Drawn", "EditTarget", "Labels", "Survival", "Taken", "label"]
