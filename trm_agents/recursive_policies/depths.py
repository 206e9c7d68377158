"""Training at many depths."""

from __future__ import annotations

from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback


class VaryDepth(BaseCallback):
    """Draws the number of cycles anew before each rollout, so that a policy is one at many depths.

    A rollout is played and learned from at one depth, so the ratios of PPO compare policies of the same depth. For PPO,
    MaskablePPO, RecurrentPPO, A2C, TRPO and REINFORCE. Afterwards the policy takes its `k_cycles` again.

    Args:
        least, most: cycles, both included.
        seed: of the draws; a depth depends on it and on the timesteps before it, so that runs resume.

    Raises:
        ValueError: 1 <= least <= most does not hold.
    """

    def __init__(self, least: int, most: int, seed: int = 0) -> None:
        super().__init__()
        if not 1 <= least <= most:
            raise ValueError(f"depths need 1 <= least <= most, got {least} and {most}")
        self.least, self.most, self.seed = least, most, seed

    def _on_rollout_start(self) -> None:
        drawn = np.random.default_rng((self.seed, self.model.num_timesteps)).integers(self.least, self.most + 1)
        self._policy.unroll = int(drawn)

    def _on_training_end(self) -> None:
        self._policy.unroll = self._policy.options.k_cycles

    def _on_step(self) -> bool:
        return True

    @property
    def _policy(self) -> Any:
        return self.model.policy
