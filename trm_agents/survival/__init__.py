"""The survival value: whether a plan can still be completed, bootstrapped from the checker over an exact cover."""

from trm_agents.survival.labels import Labels, Survival, label

__all__ = ["Labels", "Survival", "label"]
