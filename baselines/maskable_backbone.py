"""The policy for sb3-contrib's MaskablePPO on the same recursive network as UPI-TRM.

It has a module of its own, by which a saved model tells that it was given masks.
"""

from __future__ import annotations

from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy

from baselines.backbone import ReadFromOneNetwork


class RecursiveMaskableActorCriticPolicy(ReadFromOneNetwork, MaskableActorCriticPolicy):
    """For MaskablePPO."""
